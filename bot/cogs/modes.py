"""/mode: what is done with pictures in a channel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import (
    Interaction,
    labelled,
    place_of,
    polite,
    require_moderator,
    say_privately,
    words_for,
)
from bot.bridge.modes import DOES, missing
from bot.conversation.channel_settings import Mode
from bot.conversation.inputs import written
from bot.languages.words import marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

CHOICES = [app_commands.Choice(name=labelled(mode, does), value=mode.value) for mode, does in DOES.items()]


class Modes(
    commands.GroupCog,
    group_name=marked("mode"),
    group_description=marked("What I do with pictures in this channel"),
):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(
        name=marked("set"), description=marked("Choose what I do with pictures in this channel or thread")
    )
    @app_commands.describe(mode=marked("What shall be done"))
    @app_commands.choices(mode=CHOICES)
    @polite
    async def set(self, interaction: Interaction, mode: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        place = place_of(interaction)
        chosen = Mode(mode)
        own = (await self.client.store.settings(place))[0]
        await self.client.store.change_settings(place.scopes[0], replace(own, mode=chosen))
        settings = (await self.client.service.resolved(place)).settings
        examples = len(await self.client.store.examples(place.scopes))
        said = words("The mode is now {mode}: it {does}.", mode=chosen.value, does=words.said(DOES[chosen]))
        await say_privately(interaction, " ".join(filter(None, (said, missing(settings, examples, words)))))

    @app_commands.command(name=marked("show"), description=marked("Show what I do with pictures here"))
    @polite
    async def show(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        place = place_of(interaction)
        found = await self.client.service.resolved(place)
        settings, examples = found.settings, await self.client.store.examples(place.scopes)
        mode = settings.mode or Mode.CHAT
        lines = [words("The mode is {mode}: it {does}.", mode=mode.value, does=words.said(DOES[mode]))]
        if mode is Mode.CLASSIFY and settings.labels:
            lines.append(words("Labels: {labels}", labels=written(settings.labels)))
        if mode is Mode.PROMPTED_CAPTION:
            lines.append(words("Prefix: {prefix}", prefix=settings.prefix))
        if mode is Mode.FEW_SHOT and examples:
            lines.append(words.plural("{number} example", "{number} examples", len(examples)))
        if needed := missing(settings, len(examples), words):
            lines.append(needed)
        await say_privately(interaction, "\n".join(lines))
