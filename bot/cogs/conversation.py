"""Messages to the reply service, and what is said to people besides answers."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.bridge.backfill import earlier_messages
from bot.bridge.permissions import listed, missing_to_answer
from bot.conversation.messages import Message, Origin, PlaceKind, Reference
from bot.conversation.notes import UNABLE
from bot.conversation.recent import Recent
from bot.conversation.requests import Refusal
from bot.languages.words import ENGLISH, Words, marked
from bot.store.errors import StoreError

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

REFUSALS_APART = timedelta(minutes=1)
REMEMBERED = 10_000
"""People and places that were told something; of those forgotten, one is told once more."""

UNSEEN_REPLY = marked(
    "I cannot see the message that you replied to: send me its picture yourself, or choose "
    "*Ask about this picture* under *Apps* in its menu."
)
UNSEEN_IN_THREAD = marked(
    "I cannot read messages here that do not mention me; please mention me in each one."
)


class Conversation(commands.Cog):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client
        self._refused_at: Recent[int, datetime] = Recent(REMEMBERED)
        self._told_unseen: Recent[int, bool] = Recent(REMEMBERED)
        self._told_forbidden: Recent[tuple[int, int], bool] = Recent(REMEMBERED)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.author.id != self.client.own_id:
            async with self.client.turn(message.channel.id, message.id):
                await self.receive(message)

    async def receive(self, discord_message: discord.Message) -> None:
        """Takes in one message, from the gateway or read after an absence."""
        message = await self._converted(discord_message)
        if names := missing_to_answer(discord_message.channel):
            if message.mentions_bot:
                await self._say_forbidden(discord_message, names, await self._words(message))
            return
        if await self._is_unseen_in_own_thread(message):
            if not self._told_unseen.get(message.place.id):
                self._told_unseen[message.place.id] = True
                await self._say(discord_message, (await self._words(message)).said(UNSEEN_IN_THREAD))
            return
        notes = [(await self._words(message)).said(UNSEEN_REPLY)] if self._replies_to_unseen(message) else []
        earlier = None
        if self.client.intents.message_content:
            earlier = partial(earlier_messages, discord_message, self.client.converter)
        try:
            result = await self.client.service.receive(
                message, self.client.audience, notes=notes, earlier=earlier
            )
        except StoreError:
            log.exception("Message %s could not be taken in", message.id)
            to_bot = message.reply_to is not None and message.reply_to.to_bot
            if message.mentions_bot or to_bot or message.place.kind is PlaceKind.DIRECT:
                await self.refuse(discord_message, Refusal(ENGLISH.said(UNABLE)))
            return
        if isinstance(result, Refusal):
            await self.refuse(discord_message, result)

    @commands.Cog.listener("on_refusal")
    async def refuse(self, message: discord.Message, refusal: Refusal) -> None:
        """Tells why there is no answer; not each time to someone who does not stop."""
        last = self._refused_at.get(message.author.id)
        if last is not None and message.created_at - last < REFUSALS_APART:
            return
        self._refused_at[message.author.id] = message.created_at
        await self._say(message, refusal.sentence)

    async def _converted(self, discord_message: discord.Message) -> Message:
        """The message, with the replied-to one looked up if Discord did not send it along."""
        message = self.client.converter.message(discord_message)
        reference = discord_message.reference
        if message.origin is not Origin.PERSON or reference is None or message.reply_to is None:
            return message
        deleted = isinstance(reference.resolved, discord.DeletedReferencedMessage)
        if message.reply_to.message is not None or deleted:
            return message
        try:
            found = await discord_message.channel.fetch_message(message.reply_to.message_id)
        except discord.HTTPException as error:
            log.info("Cannot look up message %s: %s", message.reply_to.message_id, error)
            return message
        replied_to = replace(self.client.converter.message(found), reply_to=None)
        to_bot = found.author.id == self.client.own_id
        return replace(message, reply_to=Reference(found.id, to_bot, replied_to))

    def _replies_to_unseen(self, message: Message) -> bool:
        reply_to = message.reply_to
        return (
            not self.client.intents.message_content
            and message.place.kind is not PlaceKind.DIRECT
            and not message.offers
            and reply_to is not None
            and not reply_to.to_bot
            and reply_to.message is not None
            and not (reply_to.message.text or reply_to.message.offers)
        )

    async def _is_unseen_in_own_thread(self, message: Message) -> bool:
        """Whether it came without its content to where otherwise no mention is needed."""
        return (
            not self.client.intents.message_content
            and message.place.kind is PlaceKind.THREAD
            and message.origin is Origin.PERSON
            and not (message.text or message.offers or message.mentions_bot)
            and await self.client.store.is_own_thread(message.place.id)
        )

    async def _say(self, message: discord.Message, sentence: str) -> None:
        try:
            await message.reply(sentence)
        except discord.HTTPException as error:
            log.info("Cannot reply to message %s: %s", message.id, error)

    async def _words(self, message: Message) -> Words:
        return await self.client.service.words(message.place)

    async def _say_forbidden(self, message: discord.Message, names: list[str], words: Words) -> None:
        """Privately, as it cannot be said where it was asked; once per person and channel."""
        key = (message.author.id, message.channel.id)
        if self._told_forbidden.get(key):
            return
        self._told_forbidden[key] = True
        log.info("Not answered in channel %s: %s missing", message.channel.id, ", ".join(names))
        channel = getattr(message.channel, "mention", "that channel")
        try:
            said = words(
                "I cannot answer in {channel}: I need {permissions} there.",
                channel=channel,
                permissions=listed(names, words),
            )
            await message.author.send(said)
        except discord.HTTPException as error:
            log.info("Cannot tell person %s either: %s", message.author.id, error)
