"""/ask, /caption, /story and the message menus: a question without a mention."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot.bridge.announcing import announced, say_ended
from bot.bridge.commands import (
    Interaction,
    RefusedError,
    place_of,
    polite,
    require_answers,
    require_permission,
    words_for,
)
from bot.bridge.forms import TextForm
from bot.bridge.permissions import moderates
from bot.conversation.channel_settings import Mode
from bot.conversation.keeping import Announced
from bot.conversation.messages import Message, Origin, PhotoOffer, SkippedPhoto
from bot.conversation.notes import about_skipped
from bot.conversation.requests import Refusal
from bot.languages.words import Words, marked
from bot.store.errors import StoreError

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

MAX_QUESTION = 1000
FILE_NAME = "picture.webp"
_NOBODY = discord.AllowedMentions.none()


class Asking(commands.Cog):
    """The answer to the command shows what is asked, and is the message that the bot then replies to.

    So everything else is as with a question in a message: its thread, its buttons, its end after a restart.
    """

    def __init__(self, client: IdeficsClient) -> None:
        self.client = client
        self._left: list[Announced] = []
        """From before the start, and still to be looked after."""
        self._menus = (
            app_commands.ContextMenu(name=marked("Describe this picture"), callback=self.describe),
            app_commands.ContextMenu(name=marked("Ask about this picture"), callback=self.ask_about),
        )

    async def cog_load(self) -> None:
        # Before the connection: later there are also those of commands under way.
        self._left = await self.client.store.announced()
        for menu in self._menus:
            self.client.tree.add_command(menu)

    async def cog_unload(self) -> None:
        for menu in self._menus:
            self.client.tree.remove_command(menu.name, type=menu.type)

    @commands.Cog.listener()
    async def on_shard_ready(self, _shard_id: int) -> None:
        kept: list[Announced] = []
        while self._left:
            left = self._left.pop()
            try:
                await say_ended(left, self.client, self.client.store)
            except (discord.HTTPException, aiohttp.ClientError, TimeoutError, StoreError):
                log.exception("Message %s is looked after in the next session", left.message_id)
                kept.append(left)
        self._left += kept

    @app_commands.command(name=marked("ask"), description=marked("Ask me about a picture"))
    @app_commands.describe(picture=marked("The picture"), question=marked("Such as: What is on the left?"))
    @polite
    async def ask(
        self,
        interaction: Interaction,
        picture: discord.Attachment,
        question: app_commands.Range[str, 1, MAX_QUESTION],
    ) -> None:
        await self._ask(interaction, picture, Mode.CHAT, question)

    @app_commands.command(name=marked("caption"), description=marked("Have a picture described"))
    @app_commands.describe(picture=marked("The picture"))
    @polite
    async def caption(self, interaction: Interaction, picture: discord.Attachment) -> None:
        await self._ask(interaction, picture, Mode.CAPTION)

    @app_commands.command(name=marked("story"), description=marked("Have a story made up from a picture"))
    @app_commands.describe(picture=marked("The picture"))
    @polite
    async def story(self, interaction: Interaction, picture: discord.Attachment) -> None:
        await self._ask(interaction, picture, Mode.STORY)

    @polite
    async def describe(self, interaction: Interaction, message: discord.Message) -> None:
        words = await words_for(interaction)
        offers = self._offers(message, words)
        await require_permission(message.author, interaction, words)
        require_answers(interaction, words)
        await self._ask_about(interaction, "", offers, message, words)

    @polite
    async def ask_about(self, interaction: Interaction, message: discord.Message) -> None:
        words = await words_for(interaction)
        offers = self._offers(message, words)
        await require_permission(message.author, interaction, words)
        require_answers(interaction, words)

        async def submitted(answered: Interaction, question: str) -> None:
            await self._submitted(answered, question, offers, message)

        form = TextForm(
            submitted,
            title=words("Ask about this picture"),
            label=words("Your question"),
            most=MAX_QUESTION,
            placeholder=words("Such as: What is on the left?"),
        )
        await interaction.response.send_modal(form)

    @polite
    async def _submitted(
        self,
        interaction: Interaction,
        question: str,
        offers: Sequence[PhotoOffer],
        message: discord.Message,
    ) -> None:
        words = await words_for(interaction)
        if not question.strip():
            raise RefusedError(words("The question is empty: write what you want to know."))
        await self._ask_about(interaction, question.strip(), offers, message, words)

    async def _ask(
        self, interaction: Interaction, picture: discord.Attachment, mode: Mode, question: str = ""
    ) -> None:
        words = await words_for(interaction)
        require_answers(interaction, words)
        # A message at once, not only a sign that there will be one: that could only be filled, in public.
        looking = words("Looking at {name} …", name=picture.filename)
        async with announced(interaction, looking, self.client.store, words) as message_id:
            offer = PhotoOffer(picture.url, picture.filename, picture.size)
            fetched = await self.client.service.fetch_photo(offer)
            if isinstance(fetched, SkippedPhoto):
                await _withdraw(interaction, about_skipped(fetched, words))
                return
            file = discord.File(io.BytesIO(fetched.data), FILE_NAME)
            await interaction.edit_original_response(
                content=question, attachments=[file], allowed_mentions=_NOBODY
            )
            await self._receive(interaction, message_id, mode, question, [offer])

    async def _ask_about(
        self,
        interaction: Interaction,
        question: str,
        offers: Sequence[PhotoOffer],
        message: discord.Message,
        words: Words,
    ) -> None:
        about = words("About {message}", message=message.jump_url)
        shown = f"{question}\n-# {about}".strip()
        async with announced(interaction, shown, self.client.store, words) as message_id:
            await self._receive(interaction, message_id, Mode.CHAT, question, offers)

    async def _receive(
        self,
        interaction: Interaction,
        message_id: int,
        mode: Mode,
        question: str,
        offers: Sequence[PhotoOffer],
    ) -> None:
        """Has the question answered that the message shows."""
        message = Message(
            message_id,
            place_of(interaction),
            self.client.converter.person(interaction.user),
            Origin.PERSON,
            question,
            tuple(offers),
            mentions_bot=True,
            mode=mode,
            by_moderator=moderates(interaction.channel, interaction.user),
            language=interaction.locale.value,
        )
        result = await self.client.service.receive(message, self.client.audience)
        if isinstance(result, Refusal):
            await _withdraw(interaction, result.sentence)

    def _offers(self, message: discord.Message, words: Words) -> tuple[PhotoOffer, ...]:
        offers = self.client.converter.message(message).offers
        if not offers:
            raise RefusedError(words("There is no picture in that message: choose one that shows a picture."))
        return offers


async def _withdraw(interaction: Interaction, sentence: str) -> None:
    """Says privately why there is no answer, and takes the question back that everybody saw."""
    await interaction.followup.send(sentence, ephemeral=True)
    await interaction.delete_original_response()
