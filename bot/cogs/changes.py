"""What was edited or deleted in Discord changes what is remembered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.conversation.requests import Refusal
from bot.store.errors import StoreError

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

RETRY_AFTER_S = (1.0, 5.0, 30.0, 60.0)
"""Between the times that it is tried while the database cannot be written; the last over and over."""


class Changes(commands.Cog):
    """Listens to the raw events: the others come only for messages that the library still holds."""

    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        if event.message.author.id == self.client.own_id:
            return
        message = self.client.converter.message(event.message)
        async with self.client.turn(event.channel_id, event.message_id):
            result = await self.client.service.edited(message, self.client.audience.again())
        if isinstance(result, Refusal):
            self.client.dispatch("refusal", event.message, result)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await _surely(partial(self.client.forget_message, event.channel_id, event.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        async def forget() -> None:
            for message_id in sorted(event.message_ids):
                await self.client.forget_message(event.channel_id, message_id)

        await _surely(forget)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        await _surely(partial(self.client.service.erasing.place_deleted, event.thread_id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await _surely(partial(self.client.service.erasing.place_deleted, channel.id))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Servers that it was removed from while it was not there: a new session names all that it is in."""
        for server_id in await self.client.store.servers():
            if self.client.get_guild(server_id) is None:
                log.info("No longer in server %s: what was kept of it goes", server_id)
                await _surely(partial(self.client.service.erasing.server_left, server_id))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await _surely(partial(self.client.service.erasing.server_left, guild.id))


async def _surely(forget: Callable[[], Awaitable[None]]) -> None:
    """Returns when it is done; Discord tells of a deletion only once."""
    for delay in chain(RETRY_AFTER_S, repeat(RETRY_AFTER_S[-1])):
        try:
            await forget()
        except StoreError:
            log.exception("What was deleted in Discord cannot be forgotten now; it is tried again")
            await asyncio.sleep(delay)
        else:
            return
