"""/labels and /prefix: what the modes `classify` and `prompted-caption` work with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import (
    Interaction,
    RefusedError,
    place_of,
    polite,
    require_moderator,
    say_privately,
    words_for,
)
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.inputs import checked_labels, read_labels, read_prefix, written
from bot.languages.words import marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

MAX_CHOICES = 25


class Labels(
    commands.GroupCog,
    group_name=marked("labels"),
    group_description=marked("The labels that pictures are sorted by in the mode classify"),
):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(name=marked("set"), description=marked("Give all labels, separated by commas"))
    @app_commands.describe(labels=marked('Such as: cat, dog, "something else, or nothing"'))
    @polite
    async def set(self, interaction: Interaction, labels: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        await self._keep(interaction, read_labels(labels, words))

    @app_commands.command(name=marked("add"), description=marked("Add labels to those that there are"))
    @app_commands.describe(labels=marked("One or more, separated by commas"))
    @polite
    async def add(self, interaction: Interaction, labels: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        here = await self._here(interaction)
        added = checked_labels(read_labels(f"{written(here)},{labels}", words), words)
        if len(added) == len(here):
            raise RefusedError(words("There is nothing new in that: name a label that is not there yet."))
        await self._keep(interaction, added)

    @app_commands.command(name=marked("remove"), description=marked("Take one label away"))
    @app_commands.describe(label=marked("The label"))
    @polite
    async def remove(self, interaction: Interaction, label: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        here = await self._here(interaction)
        left = tuple(one for one in here if one.casefold() != " ".join(label.split()).casefold())
        if len(left) == len(here):
            raise RefusedError(
                words("There is no label “{label}” here: /labels show lists them.", label=label[:80])
            )
        if len(left) == 1:
            raise RefusedError(words("Two labels have to stay: add another one first, or use /labels set."))
        await self._keep(interaction, left)

    @remove.autocomplete("label")
    async def labels_like(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        like = [one for one in await self._here(interaction) if current.casefold() in one.casefold()]
        return [app_commands.Choice(name=one, value=one) for one in like[:MAX_CHOICES]]

    @app_commands.command(name=marked("show"), description=marked("Show the labels that hold here"))
    @polite
    async def show(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        here = await self._here(interaction)
        if not here:
            await say_privately(
                interaction, words("There are no labels yet: a moderator sets them with /labels set.")
            )
            return
        await say_privately(interaction, words("Labels: {labels}", labels=written(here)))

    async def _here(self, interaction: Interaction) -> tuple[str, ...]:
        return (await self.client.service.resolved(place_of(interaction))).settings.labels or ()

    async def _keep(self, interaction: Interaction, labels: tuple[str, ...]) -> None:
        words = await words_for(interaction)
        await _change(self.client, interaction, labels=labels)
        said = words.plural("There is {number} label now:", "There are {number} labels now:", len(labels))
        await say_privately(interaction, f"{said} {written(labels)}")


@app_commands.default_permissions(manage_channels=True)
class Prefix(
    commands.GroupCog,
    group_name=marked("prefix"),
    group_description=marked("How captions begin in the mode prompted-caption"),
):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(name=marked("set"), description=marked("Choose how captions begin here"))
    @app_commands.describe(text=marked("Such as: This is a photo of"))
    @polite
    async def set(self, interaction: Interaction, text: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        prefix = read_prefix(text, words)
        await _change(self.client, interaction, prefix=prefix)
        await say_privately(interaction, words("Captions begin with “{prefix}” now.", prefix=prefix))

    @app_commands.command(name=marked("clear"), description=marked("Let captions begin as elsewhere"))
    @polite
    async def clear(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        await _change(self.client, interaction, prefix=None)
        prefix = (await self.client.service.resolved(place_of(interaction))).settings.prefix
        await say_privately(interaction, words("Captions begin with “{prefix}” now.", prefix=prefix))


async def _change(client: IdeficsClient, interaction: Interaction, **values: object) -> None:
    place = place_of(interaction)
    own: ChannelSettings = (await client.store.settings(place))[0]
    changed: ChannelSettings = replace(own, **values)  # type: ignore[arg-type]
    await client.store.change_settings(place.scopes[0], changed)
