"""/help, /queue and /stats: what the bot tells of itself."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import Interaction, place_of, polite, say_privately, words_for
from bot.bridge.modes import DOES
from bot.bridge.plots import draw_statistics
from bot.languages.words import Words, marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

DAYS = 14

_COMMANDS = (
    ("/ask", marked("ask about a picture")),
    ("/caption", marked("have a picture described")),
    ("/story", marked("have a story made up from a picture")),
    ("/mode show", marked("see what I do with pictures here")),
    ("/reset", marked("begin afresh")),
    ("/queue", marked("see who waits")),
    ("/stats", marked("see how I am doing")),
    ("/privacy", marked("see what I keep, and have it forgotten")),
)
_FOR_MODERATORS = (
    ("/mode set", marked("choose what I do with pictures here")),
    ("/labels set", marked("the labels that pictures are sorted by")),
    ("/prefix set", marked("how captions begin")),
    ("/examples add", marked("pictures with the answers to follow")),
    ("/settings", marked("when and how I answer")),
    ("/retention set", marked("how long what is said is kept")),
)


class Telling(commands.Cog):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(name=marked("help"), description=marked("How to use me"))
    @polite
    async def help(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        settings = await self.client.service.settings(place_of(interaction))
        embed = discord.Embed(
            title=words("Show me a picture, then ask"),
            description=words(
                "Mention me with a picture, or reply to one. In the thread that I open, and in direct "
                "messages, you need no mention. On a message, *Apps* in its menu has me look at its picture."
            ),
        )
        if settings.mode is not None:
            here = f"`{settings.mode}`: {words.said(DOES[settings.mode])}"
            embed.add_field(name=words("The mode here"), value=here, inline=False)
        embed.add_field(name=words("Commands"), value=self._listed(_COMMANDS, words), inline=False)
        embed.add_field(
            name=words("For moderators"), value=self._listed(_FOR_MODERATORS, words), inline=False
        )
        embed.set_footer(text=words("I may be wrong: do not let me decide anything that matters."))
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @app_commands.command(name=marked("queue"), description=marked("How many questions wait"))
    @polite
    async def queue(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        line = self.client.service.line
        writing = self.client.service.in_flight - len(line)
        if not line and not writing:
            await say_privately(interaction, words("Nobody waits: a question is answered at once."))
            return
        said = [
            words.plural("{number} answer is being written.", "{number} answers are being written.", writing),
            words.plural("{number} question waits.", "{number} questions wait.", len(line)),
        ]
        own = [place for place, request in enumerate(line, 1) if request.asker.id == interaction.user.id]
        if own:
            said.append(words("Yours is at place {place}.", place=words.number(own[0])))
        await say_privately(interaction, " ".join(said))

    @app_commands.command(name=marked("stats"), description=marked("How many answers, how fast"))
    @polite
    async def stats(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        await interaction.response.defer(ephemeral=True)
        found = await self.client.store.statistics(place_of(interaction), interaction.id, DAYS)
        said = [
            words.plural(
                "{number} answer in the last {days} days.",
                "{number} answers in the last {days} days.",
                found.answers,
                days=words.number(DAYS),
            )
        ]
        if found.tokens_per_second is not None and found.first_token_seconds is not None:
            said.append(
                words(
                    "Half of them came faster than {rate} tokens/s, and began within {first} s.",
                    rate=words.number(round(found.tokens_per_second, 1)),
                    first=words.number(round(found.first_token_seconds, 2)),
                )
            )
        if found.liked or found.disliked:
            said.append(f"👍 {words.number(found.liked)} · 👎 {words.number(found.disliked)}")
        if not found.answers:
            await say_privately(interaction, " ".join(said))
            return
        data = await asyncio.to_thread(draw_statistics, found, words)
        file = discord.File(io.BytesIO(data), "statistics.png", description=" ".join(said)[:1024])
        await interaction.followup.send(" ".join(said), file=file, ephemeral=True)

    def _listed(self, listed: tuple[tuple[str, str], ...], words: Words) -> str:
        written = "\n".join(f"`{command}`: {words.said(does)}" for command, does in listed)
        return self.client.tree.mentions.within(written)
