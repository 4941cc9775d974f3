"""What people do with an answer: its buttons, and their reactions to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.bridge.alt_text import accept_alt_text
from bot.bridge.buttons import Action, AnswerButton
from bot.bridge.commands import Interaction, RefusedError, polite, say_privately, words_for
from bot.bridge.permissions import moderates
from bot.conversation.requests import Refusal, Request, RequestState

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

NEEDS_QUESTION = (Action.REGENERATE, Action.CONTINUE, Action.SHOW)
"""Questions are kept for a while only; their answers stay in Discord, with these buttons."""
LIKED = {"👍": True, "👎": False}


class Steering(commands.Cog):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @commands.Cog.listener()
    async def on_answer_button(self, interaction: Interaction, pressed: AnswerButton) -> None:
        """A press of a button, allowed and acknowledged."""
        await self._press(interaction, pressed)

    @polite
    async def _press(self, interaction: Interaction, pressed: AnswerButton) -> None:
        service, audience = self.client.service, self.client.audience.again()
        language = interaction.locale.value
        exempt = moderates(interaction.channel, interaction.user)
        result: Request | Refusal | None = None
        if pressed.action in NEEDS_QUESTION and not await self._is_remembered(pressed.request_id):
            words = await words_for(interaction)
            raise RefusedError(words("I no longer have the question: ask it once more."))
        match pressed.action:
            case Action.STOP:
                await service.stop(pressed.request_id)
            case Action.REGENERATE:
                result = await service.steering.regenerate(
                    pressed.request_id, audience, language=language, exempt=exempt
                )
            case Action.CONTINUE:
                result = await service.steering.continue_answer(
                    pressed.request_id, audience, language=language, exempt=exempt
                )
            case Action.SHOW:
                await service.steering.show_version(
                    pressed.request_id, pressed.version, audience, language=language
                )
            case Action.ACCEPT:
                assert interaction.message is not None
                words = await words_for(interaction)
                said = await accept_alt_text(interaction.message, self.client.store, words)
                await self.client.store.keep_feedback(pressed.request_id, interaction.user.id, liked=True)
                await say_privately(interaction, said)
            case Action.DELETE:
                assert interaction.message is not None
                await self._delete_answer(interaction.message)
        if isinstance(result, Refusal):
            await say_privately(interaction, result.sentence)

    async def _is_remembered(self, request_id: int) -> bool:
        request = await self.client.store.request_of_question(request_id)
        return request is not None and request.state is not RequestState.FORGOTTEN

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        await self._react(event, given=True)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        await self._react(event, given=False)

    async def _react(self, event: discord.RawReactionActionEvent, *, given: bool) -> None:
        # Without the colour of the skin.
        liked = LIKED.get((event.emoji.name or "")[:1])
        is_bot = event.member is not None and event.member.bot
        if liked is None or event.emoji.is_custom_emoji() or event.user_id == self.client.own_id or is_bot:
            return
        request = await self.client.store.request_of_answer(event.message_id)
        if request is None:
            return
        if given:
            await self.client.store.keep_feedback(request.id, event.user_id, liked=liked)
        else:
            await self.client.store.take_back_feedback(request.id, event.user_id, liked=liked)

    async def _delete_answer(self, message: discord.Message) -> None:
        try:
            await self.client.http.delete_message(message.channel.id, message.id)
        except discord.NotFound:
            log.debug("Message %s was gone already", message.id)
        await self.client.forget_message(message.channel.id, message.id)
