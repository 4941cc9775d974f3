"""`idefics-bot sync`: tells Discord which commands there are, also if they have not changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from bot.bridge.login import LoginError, explained
from bot.cli.configuration import configuration
from bot.cli.failures import InputError
from bot.cli.run import address_of, token_of
from bot.client import IdeficsClient
from bot.conversation.service import ReplyService
from bot.settings.sections import Settings
from bot.store.repository import SqlStore


def sync(config: Path | None) -> None:
    """Registers the commands and says how many they are.

    Raises:
        InputError: the settings or the token cannot be used, or there is no Discord.
        StoreError: the database cannot be used.
    """
    settings = configuration(config)
    try:
        number = asyncio.run(register(settings))
    except LoginError as error:
        raise InputError(str(error)) from error
    print(f"{number} commands are registered; Discord may show them only after a restart of it (Ctrl+R).")


async def register(settings: Settings) -> int:
    """Logs in without connecting, registers the commands and returns how many they are.

    Raises:
        LoginError: the token is missing or wrong, or there is no Discord.
        StoreError: the database cannot be used.
    """
    token, address = token_of(settings), address_of(settings)
    async with SqlStore.open(settings.store.url) as store:
        # Nothing is answered here, so there is neither an engine nor a service.
        client = IdeficsClient(service=cast(ReplyService, None), store=store, address=address)
        async with client:
            with explained(address):
                await client.login(token)
                await client.register_commands(anew=True)
            return len(client.tree.get_commands())
