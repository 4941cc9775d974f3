"""Opening a thread from a question."""

from __future__ import annotations

import logging

import discord

from bot.bridge.answer_messages import Channel
from bot.bridge.errors import Code
from bot.conversation.messages import Place, PlaceKind
from bot.conversation.requests import Request
from bot.conversation.store import Store

log = logging.getLogger(__name__)


async def open_thread(channel: Channel, request: Request, name: str, store: Store) -> None:
    """Opens a thread from the question and makes it the bot's own; where that is impossible, nothing happens.

    Raises:
        discord.HTTPException: Discord failed.
    """
    if not isinstance(channel, discord.TextChannel):
        return
    # Such a thread has its first message's id. It is made the bot's own before it is there: somebody may
    # write in it before Discord's answer to the request for it has come.
    thread = Place(request.id, PlaceKind.THREAD, channel.guild.id, channel.id)
    await store.adopt_thread(thread, request.id)
    opened = False
    try:
        opened = await _opened(channel, request.id, name)
    finally:
        if not opened:
            await store.forget_place(thread.id)


async def _opened(channel: discord.TextChannel, question_id: int, name: str) -> bool:
    """Whether there is a thread of the bot's now."""
    try:
        await channel.get_partial_message(question_id).create_thread(name=name)
    except discord.Forbidden:
        log.info("No thread in channel %s: not allowed", channel.id)
        return False
    except discord.HTTPException as error:
        if error.code in (Code.UNKNOWN_MESSAGE, Code.UNKNOWN_CHANNEL):
            log.info("No thread from message %s: %s", question_id, error)
            return False
        if error.code != Code.THREAD_ALREADY_THERE:
            raise
        # Somebody else's, or this bot's from before: an answer was lost, or the process ended.
        found = await channel.guild.fetch_channel(question_id)
        return isinstance(found, discord.Thread) and found.owner_id == channel.guild.me.id
    return True
