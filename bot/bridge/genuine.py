"""Whether a button is what it says: its id came with the press, and a program can make one up."""

from __future__ import annotations

import discord

from bot.bridge.buttons import AnswerButton
from bot.bridge.commands import Interaction
from bot.conversation.store import RequestStore


async def is_genuine(pressed: AnswerButton, interaction: Interaction, store: RequestStore) -> bool:
    """Whether the button belongs to the message that it is under, and its asker asked for that.

    Of what is no longer known, Discord says who asked.
    """
    message = interaction.message
    if message is None:
        return False
    request = await store.request_of_question(pressed.request_id)
    if request is None:
        return interaction.permissions.manage_messages or await _asker_of(message) == interaction.user.id
    # The first one is recorded a moment after it is posted.
    known = not request.answer_ids or message.id in request.answer_ids
    return known and request.asker.id == pressed.asker_id and request.place.id == interaction.channel_id


async def _asker_of(answer: discord.Message) -> int | None:
    reference = answer.reference
    if reference is None or reference.message_id is None:
        return None
    try:
        question = await answer.channel.fetch_message(reference.message_id)
    except discord.HTTPException:
        return None
    metadata = question.interaction_metadata
    return metadata.user.id if metadata is not None else question.author.id
