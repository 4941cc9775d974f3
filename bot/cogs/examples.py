"""/examples and the menu "Add as example": what the mode `few-shot` follows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import (
    MODERATORS,
    Interaction,
    RefusedError,
    place_of,
    polite,
    require_moderator,
    require_permission,
    say_privately,
    words_for,
)
from bot.bridge.forms import TextForm
from bot.conversation.channel_settings import Mode
from bot.conversation.few_shot import MAX_EXAMPLES
from bot.conversation.inputs import MAX_ANSWER, read_answer
from bot.conversation.keeping import Example, Owners
from bot.conversation.messages import PhotoOffer, SkippedPhoto
from bot.conversation.notes import about_skipped
from bot.languages.words import Words, marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

SHOWN_AT_A_TIME = 5
SHOWN_CHARACTERS = 500
"""Of each: the embeds of one message may have 6,000 together, and escaped characters count twice."""
MAX_CHOICE = 100


class Examples(
    commands.GroupCog,
    group_name=marked("examples"),
    group_description=marked("Pictures with the answers that I shall follow in the mode few-shot"),
):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client
        self._menu = app_commands.ContextMenu(name=marked("Add as example"), callback=self.add_from_message)
        self._menu.default_permissions = MODERATORS

    async def cog_load(self) -> None:
        self.client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self.client.tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(name=marked("add"), description=marked("Add a picture with the answer to it"))
    @app_commands.describe(
        picture=marked("The picture"), answer=marked("What I should say to a picture like this")
    )
    @polite
    async def add(self, interaction: Interaction, picture: discord.Attachment, answer: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        answer = read_answer(answer, words)
        await interaction.response.defer(ephemeral=True)
        offer = PhotoOffer(picture.url, picture.filename, picture.size)
        await self._add(interaction, offer, answer, Owners(interaction.user.id, interaction.user.id))

    @polite
    async def add_from_message(self, interaction: Interaction, message: discord.Message) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        offers = self.client.converter.message(message).offers
        if not offers:
            raise RefusedError(words("There is no picture in that message: choose one that shows a picture."))
        await require_permission(message.author, interaction, words)
        await self._require_room(interaction, words)
        owners = Owners(message.author.id, interaction.user.id, message.id)

        async def submitted(answered: Interaction, answer: str) -> None:
            await self._submitted(answered, offers[0], answer, owners)

        form = TextForm(
            submitted,
            title=words("Add as example"),
            label=words("What I should say to a picture like this"),
            most=MAX_ANSWER,
        )
        await interaction.response.send_modal(form)

    @app_commands.command(name=marked("list"), description=marked("Show the examples that hold here"))
    @polite
    async def show_all(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        place = place_of(interaction)
        examples = await self.client.store.examples(place.scopes)
        if not examples:
            await say_privately(
                interaction, words("There are no examples yet: a moderator adds them with /examples add.")
            )
            return
        await interaction.response.defer(ephemeral=True)
        _, dropped = await self.client.service.fitting_examples(place)
        said = _told(examples, dropped, words)
        numbered = list(enumerate(examples, 1))
        for first in range(0, len(numbered), SHOWN_AT_A_TIME):
            embeds, files = [], []
            for number, example in numbered[first : first + SHOWN_AT_A_TIME]:
                embed, file = await self._shown(number, example, dropped, words)
                embeds.append(embed)
                files += [file] if file is not None else []
            await interaction.followup.send(said, embeds=embeds, files=files, ephemeral=True)
            said = ""

    async def _shown(
        self, number: int, example: Example, dropped: Sequence[Example], words: Words
    ) -> tuple[discord.Embed, discord.File | None]:
        answer = example.answer
        answer = answer if len(answer) <= SHOWN_CHARACTERS else f"{answer[: SHOWN_CHARACTERS - 1]}…"
        embed = discord.Embed(description=f"**{number}.** {discord.utils.escape_markdown(answer)}")
        if example in dropped:
            embed.set_footer(text=words("Not shown to the model: there is no room for it."))
        data = await self.client.store.photo_data(example.photo.sha256)
        if data is None:
            return embed, None
        name = f"example{number}.webp"
        embed.set_thumbnail(url=f"attachment://{name}")
        return embed, discord.File(io.BytesIO(data), name)

    @app_commands.command(name=marked("remove"), description=marked("Take one example away"))
    @app_commands.describe(example=marked("The example"))
    @polite
    async def remove(self, interaction: Interaction, example: str) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        scope = place_of(interaction).scopes[0]
        example_id = int(example) if example.isascii() and example.isdecimal() else 0
        if not await self.client.store.remove_example(scope, min(example_id, 2**63 - 1)):
            raise RefusedError(words("There is no such example of this place: choose one from the list."))
        await self._say_what_is_left(interaction, words)

    @remove.autocomplete("example")
    async def examples_like(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        own = await self.client.store.examples(place_of(interaction).scopes[:1])
        return [
            app_commands.Choice(name=f"{number}. {one.answer}"[:MAX_CHOICE], value=str(one.id))
            for number, one in enumerate(own, 1)
            if current.casefold() in one.answer.casefold() or current == str(number)
        ][:25]

    @app_commands.command(name=marked("clear"), description=marked("Take all examples of this place away"))
    @polite
    async def clear(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        if not await self.client.store.clear_examples(place_of(interaction).scopes[0]):
            raise RefusedError(words("This place has no examples of its own."))
        await self._say_what_is_left(interaction, words)

    @polite
    async def _submitted(
        self, interaction: Interaction, offer: PhotoOffer, answer: str, owners: Owners
    ) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        answer = read_answer(answer, words)
        await interaction.response.defer(ephemeral=True)
        await self._add(interaction, offer, answer, owners)

    async def _add(self, interaction: Interaction, offer: PhotoOffer, answer: str, owners: Owners) -> None:
        words = await words_for(interaction)
        await self._require_room(interaction, words)
        fetched = await self.client.service.fetch_photo(offer)
        if isinstance(fetched, SkippedPhoto):
            raise RefusedError(about_skipped(fetched, words))
        place = place_of(interaction)
        await self.client.store.add_example(place.scopes[0], fetched, answer, owners)
        examples, dropped = await self.client.service.fitting_examples(place)
        said = [_told([*dropped, *examples], dropped, words)]
        if (await self.client.service.settings(place)).mode is not Mode.FEW_SHOT:
            said.append(words("They are followed in the mode few-shot: choose it with /mode set."))
        await say_privately(interaction, " ".join(said))

    async def _require_room(self, interaction: Interaction, words: Words) -> None:
        own = await self.client.store.examples(place_of(interaction).scopes[:1])
        if len(own) >= MAX_EXAMPLES:
            raise RefusedError(
                words(
                    "There are {most} examples, and no more are possible: remove one first.",
                    most=MAX_EXAMPLES,
                )
            )

    async def _say_what_is_left(self, interaction: Interaction, words: Words) -> None:
        left, dropped = await self.client.service.fitting_examples(place_of(interaction))
        if not left:
            await say_privately(interaction, words("There are no examples here now."))
            return
        await say_privately(interaction, _told([*dropped, *left], dropped, words))


def _told(examples: Sequence[Example], dropped: Sequence[Example], words: Words) -> str:
    said = words.plural("There is {number} example.", "There are {number} examples.", len(examples))
    if not dropped:
        return said
    more = words.plural(
        "The model has room for {room} only: the oldest {number} is not shown to it.",
        "The model has room for {room} only: the oldest {number} are not shown to it.",
        len(dropped),
        room=len(examples) - len(dropped),
    )
    return f"{said} {more}"
