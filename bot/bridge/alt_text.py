"""A caption that the author of the pictures accepts becomes their alternative text."""

from __future__ import annotations

import io

import discord

from bot.bridge.buttons import Controls, buttons
from bot.conversation.store import Store
from bot.conversation.window import replied_message
from bot.languages.words import Words

MOST_CHARACTERS = 1024
"""Of an alternative text in Discord."""


async def accept_alt_text(answer: discord.Message, store: Store, words: Words) -> str:
    """Shows the pictures in the answer, each with its text as alternative text; returns what is said then.

    Nobody but their authors can change messages, so the texts go with copies of the pictures.
    """
    request = await store.request_of_answer(answer.id)
    outcome = await store.outcome(request.id) if request is not None else None
    question = await store.message(request.id) if request is not None else None
    if request is None or outcome is None or question is None:
        return words("That is no longer possible: the picture or the text is gone.")
    shown_in = question
    if not question.photos and (replied_to := await replied_message(store, question)) is not None:
        shown_in = replied_to
    hidden = await _are_hidden(answer, shown_in.id)
    files = []
    for number, (photo, part) in enumerate(zip(shown_in.photos, outcome.parts, strict=False), 1):
        data = await store.photo_data(photo.sha256)
        if data is not None:
            file = discord.File(
                io.BytesIO(data),
                f"picture{number}.webp",
                spoiler=hidden,
                description=part.text[:MOST_CHARACTERS],
            )
            files.append(file)
    if not files:
        return words("That is no longer possible: the picture or the text is gone.")
    can_continue = any(part.can_continue for part in outcome.parts)
    await answer.edit(
        attachments=files,
        view=buttons(request, Controls(finished=True, can_continue=can_continue, words=words)),
        allowed_mentions=discord.AllowedMentions.none(),
    )
    return words.plural(
        "Done: my answer now shows the picture, with this as its alt text.",
        "Done: my answer now shows the pictures, with these as their alt texts.",
        len(files),
    )


async def _are_hidden(answer: discord.Message, message_id: int) -> bool:
    """Whether a picture of the message is a spoiler, or it cannot be known any more."""
    try:
        message = await answer.channel.fetch_message(message_id)
    except (discord.NotFound, discord.Forbidden):
        return True
    return any(attachment.is_spoiler() for attachment in message.attachments)
