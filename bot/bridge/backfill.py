"""What was said in a channel before the bot was first spoken to there."""

from __future__ import annotations

import logging

import discord

from bot.bridge.convert import Converter
from bot.conversation.messages import Message

log = logging.getLogger(__name__)

EARLIER_MESSAGES = 50


async def earlier_messages(message: discord.Message, converter: Converter) -> list[Message]:
    """The latest messages before this one; none where they may not be read."""
    earlier = message.channel.history(limit=EARLIER_MESSAGES, before=message)
    try:
        return [converter.message(each) async for each in earlier]
    except discord.HTTPException as error:
        log.info("Cannot read what was said before in channel %s: %s", message.channel.id, error)
        return []
