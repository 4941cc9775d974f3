"""A few lines of discord.py without any of the bot's code, to try the stand-in with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.standin.changes import Changes
from tests.standin.standin import StandIn


class PlainClient(discord.Client):
    """Keeps its events by name, and answers a mention with what was sent."""

    def __init__(self, intents: discord.Intents, changes: Changes) -> None:
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            guild_ready_timeout=0.05,
        )
        self.heard: list[tuple[str, Any]] = []
        self._changes = changes

    def of(self, name: str) -> list[Any]:
        """What came with the events of this name, such as `message`."""
        return [thing for event, thing in self.heard if event == name]

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        super().dispatch(event, *args, **kwargs)
        self.heard.append((event, args[0] if args else None))
        self._changes.announce_soon()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the pause that discord.py makes before it identifies again."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user and self.user in message.mentions:
            sizes = [len(await one.read()) for one in message.attachments]
            await message.reply(f"You said {message.clean_content} {sizes}", nonce=str(message.id))


@asynccontextmanager
async def connected(standin: StandIn, *, content: bool = True) -> AsyncIterator[PlainClient]:
    """A client that is ready; `content`: it asks for the message-content intent."""
    intents = discord.Intents(guilds=True, messages=True, message_content=content)
    client = PlainClient(intents, standin.changes)
    with (
        mock.patch.object(Route, "BASE", standin.api_url),
        mock.patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway.url)),
    ):
        running = asyncio.create_task(client.start(standin.token))
        running.add_done_callback(lambda _: standin.changes.announce_soon())
        try:
            await standin.wait_for(lambda: running.done() or client.of("ready"), "the client is ready")
            if running.done():
                await running
            yield client
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)
