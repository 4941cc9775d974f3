"""Reaching Discord, and what is said when that fails."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
import discord

from bot.bridge.address import DiscordAddress
from bot.bridge.api import ApiClient

BAD_TOKEN = (
    "Discord refuses the token: set DISCORD_TOKEN to the one shown in the developer portal, under Bot."
)
AUTHENTICATION_FAILED = 4004
"""The gateway's close code for a token that is no longer right."""


class LoginError(Exception):
    """The bot cannot be connected; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """What Discord says about the bot."""

    name: str
    application_id: int
    message_content: bool
    """The privileged intent is switched on in the developer portal."""
    shards: int
    sessions_left: int
    """How often the bot may connect anew today."""


async def check_login(address: DiscordAddress, token: str) -> Login:
    """Logs in without connecting.

    Raises:
        LoginError: the token is wrong, or there is no Discord.
    """
    client = ApiClient(asyncio.get_running_loop(), address)
    with explained(address):
        try:
            user = await client.static_login(token.strip())
            application = await client.application_info()
            shards, _, limits = await client.get_bot_gateway()
        finally:
            await client.close()
    flags = discord.ApplicationFlags._from_value(application.get("flags", 0))
    return Login(
        name=user["username"],
        application_id=int(application["id"]),
        message_content=flags.gateway_message_content or flags.gateway_message_content_limited,
        shards=shards,
        sessions_left=limits["remaining"],
    )


@contextmanager
def explained(address: DiscordAddress) -> Iterator[None]:
    """Turns what discord.py raises when it cannot log in or connect into a LoginError."""
    try:
        yield
    except (discord.LoginFailure, ValueError) as error:  # ValueError: no header can hold the token
        raise LoginError(BAD_TOKEN) from error
    except discord.ConnectionClosed as error:
        if error.code == AUTHENTICATION_FAILED:
            raise LoginError(BAD_TOKEN) from error
        raise LoginError(f"Discord's gateway closed the connection with {error.code}.") from error
    except discord.GatewayNotFound as error:
        raise LoginError(f"The API at {address.api_url} names no gateway: try later.") from error
    except discord.HTTPException as error:
        raise LoginError(
            f"The API at {address.api_url} answers with status {error.status}: check discord.api_url."
        ) from error
    except (OSError, aiohttp.ClientError) as error:
        raise LoginError(
            f"{address.api_url} or its gateway cannot be reached ({_reason(error)}): "
            "check the connection and discord.api_url."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    if isinstance(error, socket.gaierror) and error.strerror:  # its numbers are not those of errno
        return error.strerror.lower()
    return str(error) or type(error).__name__
