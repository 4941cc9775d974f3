"""Discord's numbers for what can go wrong."""

from __future__ import annotations

from enum import IntEnum

import discord


class Code(IntEnum):
    """https://docs.discord.com/developers/topics/opcodes-and-status-codes#json"""

    UNKNOWN_CHANNEL = 10003
    UNKNOWN_MESSAGE = 10008
    UNKNOWN_WEBHOOK = 10015
    UNKNOWN_INTERACTION = 10062
    TOO_MANY_EDITS_OF_AN_OLD_MESSAGE = 30046
    INVALID_WEBHOOK_TOKEN = 50027
    INVALID_FORM = 50035
    THREAD_ARCHIVED = 50083
    REPLYING_NEEDS_HISTORY = 160002
    THREAD_ALREADY_THERE = 160004


EXPIRED = (Code.UNKNOWN_INTERACTION, Code.UNKNOWN_WEBHOOK, Code.INVALID_WEBHOOK_TOKEN)
"""What is said of an interaction whose three seconds, or fifteen minutes, are over."""


def may_pass(error: discord.HTTPException) -> bool:
    """Whether the same request may succeed later: Discord is in trouble, or wants to be asked less."""
    return error.status == 429 or error.status >= 500
