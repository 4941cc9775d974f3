"""After a start: what was owed is answered, and what was said meanwhile is read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.bridge.errors import Code
from bot.conversation.messages import Place, PlaceKind, created_at

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

Readable = (
    discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel
)

LOOK_BACK = 500
"""Messages per place; who waits behind more of them has given up."""
THREADS_STAY_OPEN = timedelta(days=7)
"""The longest time after which Discord archives a thread."""


class CatchUp(commands.Cog):
    def __init__(self, client: IdeficsClient, receive: Callable[[discord.Message], Awaitable[None]]) -> None:
        self.client = client
        self._receive = receive
        self._resumed = False
        self._newest: dict[int, int] = {}
        """By place: the newest message that came in while this one runs."""

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """With each new session; after a resumed one Discord sends what was missed by itself."""
        if not self._resumed:
            self._resumed = True
            owed = await self.client.service.resume(self.client.audience)
            if owed:
                log.info("Answering %d questions from before the start", owed)
        for place, seen in await self.client.store.seen_places():
            if self.client.audience.serves(place):
                try:
                    await self._catch_up(place, max(seen, self._newest.get(place.id, 0)))
                except Exception:
                    log.exception("What was missed in channel %s could not be read", place.id)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        self._newest[message.channel.id] = message.id

    async def cog_unload(self) -> None:
        for place_id, message_id in self._newest.items():
            await self.client.store.mark_seen(place_id, message_id)

    async def _catch_up(self, place: Place, seen: int) -> None:
        channel = await self._channel(place, seen)
        if channel is None:
            return
        last = None if isinstance(channel, discord.DMChannel) else channel.last_message_id
        if last is not None and last <= seen:
            return
        missed: list[discord.Message] = []
        try:
            async for message in channel.history(limit=LOOK_BACK):
                if message.id <= seen:
                    break
                missed.append(message)
        except discord.HTTPException as error:
            log.info("Cannot read what was missed in channel %s: %s", place.id, error)
            return
        for message in reversed(missed):
            try:
                await self._receive(message)
            except Exception:
                log.exception("Message %s in channel %s could not be taken in", message.id, place.id)
            await self.client.store.mark_seen(place.id, message.id)

    async def _channel(self, place: Place, seen: int) -> Readable | None:
        """None where nothing can have been said: in a place that is gone, or a thread long archived."""
        channel = self.client.get_channel(place.id)
        if channel is None:
            old = discord.utils.utcnow() - created_at(seen) > THREADS_STAY_OPEN
            if place.kind is PlaceKind.THREAD and old:
                return None
            try:
                channel = await self.client.fetch_channel(place.id)
            except discord.NotFound as error:
                if error.code == Code.UNKNOWN_CHANNEL:
                    await self.client.service.place_deleted(place.id)
                return None
            except (discord.Forbidden, discord.InvalidData) as error:
                log.info("Cannot look into channel %s: %s", place.id, error)
                return None
        return channel if isinstance(channel, Readable) else None
