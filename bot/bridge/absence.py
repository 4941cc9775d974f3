"""What a place's history tells of the time in which nobody listened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import discord

from bot.bridge.buttons import is_being_written

Readable = (
    discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel
)

PAGE = 100
"""Messages that one request brings."""


@dataclass(frozen=True, slots=True)
class Page:
    messages: list[discord.Message]
    """Newest first."""
    back_to: int
    """As in `Since`."""


@dataclass(frozen=True, slots=True)
class Since:
    """The newest messages of a place, by the one up to which it had been looked at."""

    missed: list[discord.Message]
    """Those after it, oldest first."""
    read: set[int]
    """All that are there, back to the oldest that was read."""
    back_to: int
    """The oldest message that was read; 0 if that is the place's first."""


async def read_page(channel: discord.abc.Messageable, *, before: int | None) -> Page:
    """The newest messages, or the newest before one.

    Raises:
        discord.HTTPException: Discord does not let it be read.
    """
    end = None if before is None else discord.Object(before)
    messages = [message async for message in channel.history(limit=PAGE, before=end)]
    return Page(messages, messages[-1].id if len(messages) == PAGE else 0)


async def messages_since(channel: Readable, seen: int, most: int) -> Since:
    """Reads at least one page, and at most some `most` messages.

    Raises:
        discord.HTTPException: Discord does not let it be read.
    """
    read: list[discord.Message] = []
    before: int | None = None
    back_to = 0
    while len(read) < most:
        page = await read_page(channel, before=before)
        read += page.messages
        before = back_to = page.back_to
        if back_to <= seen:
            break
    missed = [message for message in reversed(read) if message.id > seen]
    return Since(missed, {message.id for message in read}, back_to)


def answered_in(messages: Iterable[discord.Message], own_id: int) -> set[int]:
    """The messages to which the bot replies there, but for those whose answer it is still writing."""
    return {
        one.reference.message_id
        for one in messages
        if one.author.id == own_id
        and one.reference is not None
        and one.reference.message_id is not None
        and not is_being_written(one)
    }
