"""What was said in a channel before the bot was first spoken to there."""

from __future__ import annotations

import logging

import discord

from bot.bridge.convert import Converter
from bot.conversation.channel_settings import History, resolve
from bot.conversation.messages import Message, Origin, PhotoOffer, SkippedPhoto
from bot.conversation.ports import PhotoFetcher, Store, StoredPhoto

log = logging.getLogger(__name__)

EARLIER_MESSAGES = 50


async def backfill(
    discord_message: discord.Message,
    message: Message,
    *,
    converter: Converter,
    fetcher: PhotoFetcher,
    store: Store,
) -> None:
    """Records the latest messages before the first one that is for the bot, where all shall be remembered."""
    reply_to_bot = message.reply_to is not None and message.reply_to.to_bot
    if message.origin is not Origin.PERSON or not (message.mentions_bot or reply_to_bot):
        return
    settings = resolve(await store.settings(message.place))
    if settings.history is not History.ALL or await store.history(message.place, message.id, 1):
        return
    earlier = discord_message.channel.history(limit=EARLIER_MESSAGES, before=discord_message)
    try:
        found = [converter.message(each) async for each in earlier]
    except discord.HTTPException as error:
        log.info("Cannot read what was said before in channel %s: %s", message.place.id, error)
        return
    for each in reversed(found):
        if each.origin is Origin.PERSON:
            photos = [photo for offer in each.offers if (photo := await _fetched(fetcher, offer))]
            await store.record_message(each, photos, addressed=False)


async def _fetched(fetcher: PhotoFetcher, offer: PhotoOffer) -> StoredPhoto | None:
    photo = await fetcher.fetch(offer)
    return None if isinstance(photo, SkippedPhoto) else photo
