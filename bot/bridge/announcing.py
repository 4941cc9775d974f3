"""A command's question is shown before it is taken in: what becomes of it if that does not happen."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import discord

from bot.bridge.commands import Interaction, place_of
from bot.conversation.keeping import Announced, AnnouncedStore
from bot.conversation.store import Store
from bot.languages.words import Words, marked, words_in
from bot.store.errors import StoreError

log = logging.getLogger(__name__)

ENDED = marked("I was ended before I had taken this question in: please ask again.")
_NOBODY = discord.AllowedMentions.none()


@asynccontextmanager
async def announced(
    interaction: Interaction, shown: str, store: AnnouncedStore, words: Words
) -> AsyncIterator[int]:
    """Answers a command with `shown`; the block, which has that message's id, takes the question in.

    Everybody sees it, so it does not stay if that fails; if the program ends first, see `say_ended`.
    """
    answered = await interaction.response.send_message(shown, allowed_mentions=_NOBODY)
    assert isinstance(answered.resource, discord.InteractionMessage)
    message_id = answered.resource.id
    try:
        await store.keep_announced(Announced(message_id, place_of(interaction).id, words.language))
        yield message_id
    except Exception:
        with suppress(discord.HTTPException):
            await interaction.delete_original_response()
        await _forget(store, message_id)
        raise
    await _forget(store, message_id)


async def _forget(store: AnnouncedStore, message_id: int) -> None:
    try:
        await store.forget_announced(message_id)
    except StoreError:
        log.exception("Message %s is looked after at the next start", message_id)


async def say_ended(left: Announced, client: discord.Client, store: Store) -> None:
    """Of a question from before the start: shows that nobody answers it, unless it had been taken in.

    Not by the interaction, which Discord knows for a quarter of an hour only.
    """
    if await store.request_of_question(left.message_id) is None:
        message = client.get_partial_messageable(left.place_id).get_partial_message(left.message_id)
        sentence = words_in(left.language).said(ENDED)
        try:
            await message.edit(content=sentence, attachments=[], allowed_mentions=_NOBODY)
        except (discord.NotFound, discord.Forbidden) as error:
            log.info("Message %s cannot be changed: %s", left.message_id, error)
    await store.forget_announced(left.message_id)
