"""A message with an answer that was posted but not recorded, because the program ended in between.

Discord knows a message by its nonce for some minutes only; loading a large model takes longer.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import discord

from bot.bridge.errors import may_pass
from bot.conversation.messages import created_at, first_id_at
from bot.conversation.requests import Request
from bot.conversation.store import Store

if TYPE_CHECKING:
    from bot.bridge.answer_messages import Channel

log = logging.getLogger(__name__)

AFTER_QUESTION = 100
AFTER_WORD = 1000
"""Messages among which the answer is looked for, after the question and after a word was left."""
SOON = timedelta(seconds=30)
CLOCKS_DIFFER = timedelta(minutes=1)
"""At most: Discord's, which message ids tell, and this machine's."""


async def leave_word(request: Request, store: Store, now: datetime) -> None:
    """Call this before the answer's first message is posted; it is then found however late that is."""
    if request.taken_up or now - created_at(request.id) > SOON:
        await store.expect_answer_message(request.id, first_id_at(now - CLOCKS_DIFFER))


async def find_lost(channel: Channel, request: Request, own_id: int) -> int | None:
    """The id of such a message; of a request that is taken up at a start.

    Raises:
        discord.HTTPException: Discord does not say it now.
    """
    question_id = request.id
    try:
        for after, limit in ((question_id, AFTER_QUESTION), (request.expected_after, AFTER_WORD)):
            if after is None:
                continue
            there = channel.history(after=discord.Object(after), limit=limit, oldest_first=True)
            async for message in there:
                replied_to = message.reference.message_id if message.reference is not None else None
                if message.author.id == own_id and replied_to == question_id:
                    return message.id
    except discord.HTTPException as error:
        if may_pass(error):
            raise
        log.info("Cannot look for an answer in channel %s: %s", channel.id, error)
    return None
