"""What all commands share: who may, in which words, how it is refused, and when they are registered."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import discord
from discord import app_commands

from bot.bridge.convert import place
from bot.bridge.errors import EXPIRED
from bot.bridge.mentions import CommandMentions
from bot.bridge.permissions import lacking, listed, needed_to_answer
from bot.conversation.inputs import UnusableInputError
from bot.conversation.keeping import AnswerStore
from bot.conversation.messages import Place
from bot.conversation.notes import OUR_FAILURE, UNABLE
from bot.conversation.personal import PersonalStore
from bot.conversation.service import ReplyService
from bot.conversation.splitting import split
from bot.languages.words import SOURCE, Words, marked, words_in
from bot.store.errors import StoreError

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 2000
"""Characters of a message."""

MODERATORS = discord.Permissions(manage_channels=True)
"""Whom commands that are for moderators alone are shown to; servers may change it."""

PARAMETERS = (
    marked("answer"),
    marked("days"),
    marked("example"),
    marked("label"),
    marked("labels"),
    marked("mode"),
    marked("picture"),
    marked("question"),
    marked("text"),
)
"""Names of options, which the library takes from the callbacks."""

_GONE = marked("This command is no longer there: press Ctrl+R in Discord to see the present ones.")

Author = discord.User | discord.Member
Interaction = discord.Interaction[Any]
P = ParamSpec("P")
Cog = TypeVar("Cog")


class RefusedError(Exception):
    """What was asked for cannot be done; the message is one sentence, for the person alone."""


def polite(
    callback: Callable[Concatenate[Cog, Interaction, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[Cog, Interaction, P], Coroutine[Any, Any, None]]:
    """A callback of which the person is told privately when it cannot be done, or when it fails."""

    @wraps(callback)
    async def called(self: Cog, interaction: Interaction, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await callback(self, interaction, *args, **kwargs)
        except (RefusedError, UnusableInputError) as error:
            await _say_if_possible(interaction, str(error))
        except Exception as error:
            if isinstance(error, discord.HTTPException) and error.code in EXPIRED:
                log.info("An interaction has expired, so nothing can be said: %s", callback.__qualname__)
                return
            log.exception("%s failed", callback.__qualname__)
            sentence = UNABLE if isinstance(error, StoreError) else OUR_FAILURE
            await _say_if_possible(interaction, words_in(interaction.locale.value).said(sentence))

    # The library reads the options from it, and would look up their types in this file.
    called.__signature__ = inspect.signature(callback, eval_str=True)  # type: ignore[attr-defined]
    return called


async def say_privately(interaction: Interaction, text: str) -> None:
    """To the person who gave the command, in as many messages as it takes."""
    for part in split(interaction.client.tree.mentions.within(text), MESSAGE_LIMIT):
        if not interaction.response.is_done():
            await interaction.response.send_message(part, ephemeral=True)
        else:
            await interaction.followup.send(part, ephemeral=True)


async def _say_if_possible(interaction: Interaction, sentence: str) -> None:
    try:
        await say_privately(interaction, sentence)
    except discord.HTTPException as error:
        log.info("That could not be said either: %s", error)


def place_of(interaction: Interaction) -> Place:
    assert interaction.channel is not None
    return place(interaction.channel)


async def words_for(interaction: Interaction) -> Words:
    """The place's language, else that of the person's Discord."""
    service: ReplyService = interaction.client.service
    return await service.words(place_of(interaction), interaction.locale.value)


def is_moderator(interaction: Interaction) -> bool:
    """Of the channel; of a direct message everybody is."""
    return interaction.guild_id is None or interaction.permissions.manage_channels


def require_moderator(interaction: Interaction, words: Words) -> None:
    """Raises RefusedError: the person is none."""
    if not is_moderator(interaction):
        raise RefusedError(
            words("Only moderators can do that: it needs the permission Manage Channels in this channel.")
        )


async def require_permission(author: Author, interaction: Interaction, words: Words) -> None:
    """Raises RefusedError: what `author` shows is not to be looked at for others."""
    store: PersonalStore = interaction.client.store
    if author.id != interaction.user.id and await store.has_opted_out(author.id):
        raise RefusedError(words("Whoever posted that has opted out: I do not look at it for others."))


def require_answers(interaction: Interaction, words: Words) -> None:
    """Raises RefusedError: the bot cannot see the channel, or not write in it."""
    if interaction.guild_id is None:
        return
    needed = needed_to_answer(interaction.channel)
    if missing := lacking(interaction.app_permissions, *needed):
        raise RefusedError(
            words("I cannot answer here: I need {permissions} first.", permissions=listed(missing, words))
        )


def labelled(name: str, sentence: str) -> app_commands.locale_str:
    """A name that stays as it is, with a sentence that is said in the reader's language."""
    before = f"{name}: "
    return app_commands.locale_str(before + sentence, before=before, sentence=sentence)


class CatalogueTranslator(app_commands.Translator):
    """Names and descriptions of commands in the languages of Discord that there is a catalogue for."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        words = words_in(locale.value)
        said = string.extras.get("before", "") + words.said(string.extras.get("sentence", string.message))
        return None if words.language == SOURCE or said == string.message else said


class Commands(app_commands.CommandTree[Any]):
    """All commands of the bot."""

    def __init__(self, client: discord.Client, **options: Any) -> None:
        super().__init__(client, **options)
        self.mentions = CommandMentions()

    async def register(self, application: str, store: AnswerStore, *, anew: bool = False) -> bool:
        """Tells Discord which commands there are, if that has changed since it was told, or `anew`.

        Returns whether it was told. Discord allows some 200 a day.
        """
        translator = CatalogueTranslator()
        await self.set_translator(translator)
        payload = [await command.get_translated_payload(self, translator) for command in self.get_commands()]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if not anew and await store.registered_commands(application) == digest:
            self.mentions.learn(await self.fetch_commands())
            return False
        self.mentions.learn(await self.sync())
        await store.keep_registered_commands(application, digest)
        log.info("Registered %d commands", len(payload))
        return True

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """What is not for people: ours, or a command that Discord still shows though it is gone."""
        if isinstance(error, app_commands.CommandNotFound):
            log.info("%s", error)
            sentence = _GONE
        else:
            log.error("A command failed", exc_info=error)
            sentence = OUR_FAILURE
        await _say_if_possible(interaction, words_in(interaction.locale.value).said(sentence))
