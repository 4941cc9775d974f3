"""After a start: what was owed is answered, and what was said meanwhile is read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.ext import commands

from bot.bridge.absence import Readable, answered_in, messages_since
from bot.bridge.errors import Code
from bot.bridge.permissions import missing_to_reply
from bot.cogs.deletions import Deletions
from bot.conversation.messages import Place, PlaceKind, created_at
from bot.store.errors import StoreError

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

LOOK_BACK = 500
"""Messages per place; who waits behind more of them has given up."""
RETRY_AFTER_S = 60.0
"""Places that could not be read are then tried again."""
THREADS_STAY_OPEN = timedelta(days=7)
"""The longest time after which Discord archives a thread."""


class CatchUp(commands.Cog):
    """Also keeps the order: in each place what was missed comes before what comes in.

    The store's marker says up to where a place was looked at. It must not pass a message that is still to be
    taken in: if the program ended then, that one would be lost.
    """

    def __init__(self, client: IdeficsClient, receive: Callable[[discord.Message], Awaitable[None]]) -> None:
        self.client = client
        self._receive = receive
        self._deletions = Deletions(client)
        self._resumed = False
        self._missed: dict[int, tuple[Place, int]] = {}
        """Places that are still to be looked into, and from which message on."""
        self._missed_is_known = asyncio.Event()
        self._missed_is_known.set()
        self._is_new_session = True
        self._has_begun = False
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._under_way: dict[int, set[int]] = {}
        self._newest: dict[int, int] = {}
        """By place: the newest message that was taken in while this one runs."""

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """With each new session; for one that is resumed Discord sends what was missed by itself."""
        await self._look_up_places()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Once the servers of all shards are known for the first time."""
        if not self._has_begun:
            self._has_begun = True
            await self._catch_up_everywhere()

    @commands.Cog.listener()
    async def on_shard_ready(self, _shard_id: int) -> None:
        """Once the servers of a shard's new session are known; of one among several only this tells."""
        if self._has_begun:
            await self._catch_up_everywhere()

    async def _catch_up_everywhere(self) -> None:
        if self._is_new_session:
            await self._look_up_places()
        self._is_new_session = True
        while True:
            if not self._resumed:
                await self._resume()
            for place_id in list(self._missed):
                async with self._turn(place_id):
                    await self._catch_up_in(place_id)
            await self._deletions.notice_everywhere()
            if self._resumed and not (self._missed or self._deletions.left):
                return
            # Nobody may write there for long, and this session may last for weeks.
            await asyncio.sleep(RETRY_AFTER_S)

    async def _resume(self) -> None:
        try:
            owed = await self.client.service.resume(self.client.audience)
        except StoreError:
            log.exception("What was owed before the start cannot be read now; it is tried again")
            return
        self._resumed = True
        if owed:
            log.info("Answering %d questions from before the start", owed)

    @asynccontextmanager
    async def turn(self, place_id: int, message_id: int) -> AsyncIterator[None]:
        """For what comes in: begins when everything before it in its place is taken in."""
        under_way = self._under_way.setdefault(place_id, set())
        under_way.add(message_id)
        try:
            await self._missed_is_known.wait()
            async with self._turn(place_id):
                await self._catch_up_in(place_id)
                yield
            self._newest[place_id] = max(message_id, self._newest.get(place_id, 0))
        finally:
            under_way.discard(message_id)
            if not under_way:
                self._under_way.pop(place_id, None)

    async def cog_unload(self) -> None:
        for place_id, newest in self._newest.items():
            if place_id not in self._missed:
                under_way = self._under_way.get(place_id, ())
                await self.client.store.mark_seen(place_id, min((newest, *(id - 1 for id in under_way))))

    def _turn(self, place_id: int) -> asyncio.Lock:
        return self._turns.setdefault(place_id, asyncio.Lock())

    async def _look_up_places(self) -> None:
        self._missed_is_known.clear()
        try:
            for place, seen in await self.client.store.seen_places():
                if self.client.audience.serves(place):
                    self._missed[place.id] = (place, max(seen, self._newest.get(place.id, 0)))
                    self._deletions.expect(place)
            self._is_new_session = False
        finally:
            self._missed_is_known.set()

    async def _catch_up_in(self, place_id: int) -> None:
        if place_id not in self._missed:
            return
        place, seen = self._missed[place_id]
        try:
            await self._catch_up(place, seen)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError, StoreError):
            log.exception("What was missed in channel %s cannot be read now; it is tried again", place_id)
            self._deletions.expect(place)
            return
        except Exception:
            log.exception("What was missed in channel %s could not be read", place_id)
        self._missed.pop(place_id, None)

    async def _catch_up(self, place: Place, seen: int) -> None:
        channel = await self._channel(place, seen)
        if channel is None:
            return
        last = None if isinstance(channel, discord.DMChannel) else channel.last_message_id
        if last is not None and last <= seen:
            return
        known = await self._deletions.known(place)
        try:
            since = await messages_since(channel, seen, LOOK_BACK)
        except discord.HTTPException as error:
            if error.status >= 500:
                raise
            log.info("Cannot read what was missed in channel %s: %s", place.id, error)
            return
        if not missing_to_reply(channel):  # else Discord shows an empty channel
            await self._deletions.notice_in(place, known, since)
        answered = answered_in(since.missed, self.client.own_id)
        for message in since.missed:
            try:
                # Else this is a copy of the database from before the answer.
                if message.id not in answered or await self._is_known(message):
                    await self._receive(message)
            except Exception:
                log.exception("Message %s in channel %s could not be taken in", message.id, place.id)
            await self.client.store.mark_seen(place.id, message.id)

    async def _is_known(self, message: discord.Message) -> bool:
        return await self.client.store.request_of_question(message.id) is not None

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
                    await self.client.service.erasing.place_deleted(place.id)
                return None
            except (discord.Forbidden, discord.InvalidData) as error:
                log.info("Cannot look into channel %s: %s", place.id, error)
                return None
        return channel if isinstance(channel, Readable) else None
