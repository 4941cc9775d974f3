"""`idefics-bot run`: the Discord bot, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import discord

from bot.app import Core, OpenEngine, answering, core, serving_health, until_signalled
from bot.bridge.address import DiscordAddress
from bot.bridge.fetching import MediaFetcher
from bot.bridge.login import LoginError, check_login, explained
from bot.bridge.permissions import invite_url
from bot.cli.configuration import configuration
from bot.cli.failures import InputError
from bot.cli.model import configured
from bot.cli.reloading import Reloading, on_hangup
from bot.client import IdeficsClient
from bot.logs import configure_logs
from bot.settings.loading import SettingsError
from bot.settings.sections import Settings
from bot.web.health import Check
from bot.web.serving import AddressError, bind

log = logging.getLogger(__name__)

GRACE_S = 8.0
"""That answers under way are given when the program ends; with the rest of the ending it is under 20 s."""

NO_TOKEN = "There is no token: set DISCORD_TOKEN to the one shown in Discord's developer portal, under Bot."
WITHOUT_CONTENT = (
    "The message content intent is not switched on in Discord's developer portal, under Bot. The bot works "
    "without it, but outside direct messages it reads only what mentions it or replies to it: no follow-ups "
    "without a mention, no pictures in messages that people reply to, nothing that others said before."
)


def run(config: Path | None, *, verbose: bool) -> None:
    """Answers in Discord until it is ended; `verbose`: see `configure_logs`.

    Raises:
        InputError: the settings or the token cannot be used, or there is no Discord.
        StoreError, InferenceError: the database or the checkpoint cannot be used.
    """
    settings = configuration(config)
    try:
        configure_logs(settings.log, verbose=verbose)
        # The library misses what only voice needs.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        read = partial(configuration, config)
        asyncio.run(until_signalled(serve_discord(settings, configured, read=read)))
    except (SettingsError, LoginError, AddressError) as error:
        raise InputError(str(error)) from error


async def serve_discord(
    settings: Settings, open_engine: OpenEngine, *, read: Callable[[], Settings] | None = None
) -> None:
    """Serves until it is cancelled; answers under way are then given some seconds.

    `read` reads the settings again when SIGHUP comes; None: they stay as they are.

    Raises:
        LoginError: the token is missing or wrong, or there is no Discord.
        AddressError: the health check cannot be served at web.host and web.port.
        StoreError, InferenceError: as in `bot.app.core`.
        DeviceError: the model can be used again by a new process only.
    """
    token = token_of(settings)
    address = address_of(settings)
    # First, as the port is, so that what is wrong is told before the model is loaded.
    login = await check_login(address, token)
    print(f"Logged in as {login.name}. Add it to a server: {invite_url(login.application_id)}", flush=True)
    with bind(settings.web.host, settings.web.port) as listener:
        async with MediaFetcher(address) as fetcher, core(settings, fetcher, open_engine) as parts:
            client = _client(settings, address, parts, message_content=True)
            checks: dict[str, Check] = {
                "discord": lambda: client.is_receiving(),
                "events": lambda: client.hears(),
            }

            def apply(changed: Settings) -> None:
                parts.service.change(*answering(changed))
                client.change(ping_author=changed.discord.ping_author, policy_url=changed.privacy.policy_url)

            reloading = Reloading(settings, read or (lambda: settings), apply)
            async with serving_health(settings, listener, parts, checks):
                with on_hangup(reloading):
                    try:
                        await _connected(client, token, parts)
                    except discord.PrivilegedIntentsRequired:
                        log.warning(WITHOUT_CONTENT)
                        client = _client(settings, address, parts, message_content=False)
                        await _connected(client, token, parts)


def _client(
    settings: Settings, address: DiscordAddress, parts: Core, *, message_content: bool
) -> IdeficsClient:
    return IdeficsClient(
        service=parts.service,
        store=parts.store,
        address=address,
        ping_author=settings.discord.ping_author,
        message_content=message_content,
        http_trace=parts.metrics.discord_trace(),
        policy_url=settings.privacy.policy_url,
    )


async def _connected(client: IdeficsClient, token: str, parts: Core) -> None:
    async with client:
        with explained(client.address):
            await client.login(token)
            connection = asyncio.create_task(client.connect(), name="Discord")
            lost = asyncio.create_task(parts.engine.lost(), name="end of the device")
            first = client.http.first_connection
            either: set[asyncio.Future[Any]] = {connection, first}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if first.done() and (error := first.result()) is not None:
                    # Later the library tries again for as long as it takes; at the start somebody looks on.
                    raise error
                ended, _ = await asyncio.wait({connection, lost}, return_when=asyncio.FIRST_COMPLETED)
                await ended.pop()
            except asyncio.CancelledError:
                # While there still is a connection: the last answers are shown.
                await parts.service.close(GRACE_S)
                raise
            finally:
                connection.cancel()
                lost.cancel()


def token_of(settings: Settings) -> str:
    """The configured token.

    Raises:
        LoginError: there is none.
    """
    token = settings.discord.token.get_secret_value().strip() if settings.discord.token else ""
    if not token:
        raise LoginError(NO_TOKEN)
    return token


def address_of(settings: Settings) -> DiscordAddress:
    return DiscordAddress(settings.discord.api_url, settings.discord.media_hosts)
