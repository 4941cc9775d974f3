"""What a place's history tells of the time in which nobody listened."""

from __future__ import annotations

from dataclasses import dataclass

import discord

Readable = (
    discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel
)

PAGE = 100
"""Messages that one request brings."""


@dataclass(frozen=True, slots=True)
class Since:
    """The newest messages of a place, by the one up to which it had been looked at."""

    missed: list[discord.Message]
    """Those after it, oldest first."""
    read: set[int]
    """All that are there, back to the oldest that was read."""
    back_to: int
    """The oldest message that was read; 0 if that is the place's first."""


async def messages_since(channel: Readable, seen: int, most: int) -> Since:
    """Reads at least one page, and at most some `most` messages.

    Raises:
        discord.HTTPException: Discord does not let it be read.
    """
    read: list[discord.Message] = []
    before: discord.Object | None = None
    back_to = 0
    while len(read) < most:
        page = [message async for message in channel.history(limit=PAGE, before=before)]
        read += page
        back_to = page[-1].id if len(page) == PAGE else 0
        if back_to <= seen:
            break
        before = discord.Object(back_to)
    missed = [message for message in reversed(read) if message.id > seen]
    return Since(missed, {message.id for message in read}, back_to)
