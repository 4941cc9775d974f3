"""/privacy, /forget me, /optout, /optin and /export: what people decide about what is kept of them."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.bridge import amounts
from bot.bridge.commands import Interaction, place_of, polite, say_privately, words_for
from bot.bridge.decisions import Decision, decisions
from bot.bridge.lifetimes import kept_for
from bot.conversation.export import export
from bot.conversation.personal import Amount
from bot.languages.words import Words, marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

_RIGHTS = (
    ("/forget me", marked("I forget all that I keep of you, at once")),
    ("/optout", marked("from then on I keep nothing that you say or show")),
    ("/export", marked("I give you all that I keep of you as a file")),
)


class Privacy(commands.Cog):
    forget = app_commands.Group(name=marked("forget"), description=marked("Have me forget what I keep"))

    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(
        name=marked("privacy"),
        description=marked("What I keep, for how long, and what you can do about it"),
    )
    @polite
    async def privacy(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        store, person = self.client.store, interaction.user.id
        mentions = self.client.tree.mentions
        amount = amounts.said(await store.kept_of(person), words)
        opted_out = await store.has_opted_out(person)
        embed = discord.Embed(
            title=words("What I keep"),
            description=words(
                "What people say to me and in my threads, the pictures in it, my answers, and what people "
                "think of them. Where moderators want me to consider all that is said, that too. Pictures "
                "are made smaller, and where they were taken is not kept."
            ),
        )
        embed.add_field(name=words("For how long"), value=await self._for_how_long(interaction, words))
        embed.add_field(name=words("Of you"), value=amount[:1].upper() + amount[1:])
        rights = [f"`{command}`: {words.said(does)}" for command, does in _RIGHTS]
        if opted_out:
            rights[1] = words("`/optin`: what you say counts again; at the moment you have opted out")
        embed.add_field(name=words("What you can do"), value=mentions.within("\n".join(rights)), inline=False)
        if self.client.policy_url is not None:
            address = f"<{self.client.policy_url}>"
            embed.add_field(name=words("The whole policy"), value=address, inline=False)
        embed.set_footer(
            text=words("The model runs where I run: nothing that you say or show is given to anybody else.")
        )
        await interaction.response.send_message(embed=embed, ephemeral=True)

    async def _for_how_long(self, interaction: Interaction, words: Words) -> str:
        server_id = place_of(interaction).server_id
        days = None if server_id is None else await self.client.store.retention_days(server_id)
        said = kept_for(days or self.client.service.erasing.retention_days, words)
        return " ".join((said, words("Examples and settings stay until they are removed.")))

    @forget.command(name=marked("me"), description=marked("Have me forget all that I keep of you"))
    @polite
    async def forget_me(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        amount = await self.client.store.kept_of(interaction.user.id)
        if amount == Amount():
            await say_privately(interaction, words("There is nothing of yours that I could forget."))
            return
        await _ask(
            interaction,
            words(
                "Of you I keep {amount}, from all servers and direct messages. Shall I forget all of it? "
                "It cannot be brought back. What stands in Discord stays there.",
                amount=amounts.said(amount, words),
            ),
            decisions(words, Decision.FORGET, Decision.KEEP),
        )

    @app_commands.command(
        name=marked("optout"), description=marked("Have me keep nothing of you from now on")
    )
    @polite
    async def optout(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        if await self.client.store.has_opted_out(interaction.user.id):
            await say_privately(interaction, words("You have opted out already: /optin takes that back."))
            return
        await _ask(
            interaction,
            words(
                "From then on I keep nothing of you but a question that you ask me yourself, until it is "
                "answered, and nobody else's answer is about what you say or show. What I keep of you now "
                "is forgotten ({amount}), and cannot be brought back. Do you want that?",
                amount=amounts.said(await self.client.store.kept_of(interaction.user.id), words),
            ),
            decisions(words, Decision.OPT_OUT, Decision.KEEP),
        )

    @app_commands.command(
        name=marked("optin"), description=marked("Take your opting out back: what you say counts again")
    )
    @polite
    async def optin(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        if not await self.client.store.has_opted_out(interaction.user.id):
            await say_privately(interaction, words("You have not opted out: what you say counts."))
            return
        await self.client.store.opt_in(interaction.user.id)
        await say_privately(interaction, words("From now on what you say counts again. /privacy says more."))

    @app_commands.command(
        name=marked("export"), description=marked("Have me give you all that I keep of you as a file")
    )
    @polite
    async def export(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        await interaction.response.defer(ephemeral=True)
        number = 0
        async for data in export(self.client.store, interaction.user.id, interaction.filesize_limit):
            number += 1
            await interaction.followup.send(
                words("This is all that I keep of you.") if number == 1 else words("And this belongs to it."),
                file=discord.File(io.BytesIO(data), f"idefics-{number}.zip"),
                ephemeral=True,
            )

    @commands.Cog.listener()
    async def on_decision(self, interaction: Interaction, decision: Decision) -> None:
        await self._decided(interaction, decision)

    @polite
    async def _decided(self, interaction: Interaction, decision: Decision) -> None:
        words = await words_for(interaction)
        if decision is Decision.KEEP:
            await _replace(interaction, words("Everything is left as it is."))
            return
        # Without the buttons, so that it is not asked for twice; it may take longer than Discord waits.
        await _replace(interaction, words("One moment …"))
        try:
            said = await self._done(interaction, decision, words)
        except Exception:
            log.exception("What a person wanted to be forgotten could not be")
            said = words("That did not work, so some of it may still be there: please try again later.")
        await interaction.edit_original_response(content=said)

    async def _done(self, interaction: Interaction, decision: Decision, words: Words) -> str:
        erasing, person_id = self.client.service.erasing, interaction.user.id
        if decision is Decision.OPT_OUT:
            gone = amounts.said(await erasing.opt_out(person_id), words)
            return words("You have opted out. Forgotten: {amount}.", amount=gone)
        own_place = interaction.channel_id if interaction.guild_id is None else None
        forgotten = await erasing.forget_person(person_id, own_place=own_place)
        return words("Forgotten: {amount}.", amount=amounts.said(forgotten, words))


async def _ask(interaction: Interaction, question: str, view: discord.ui.View) -> None:
    await interaction.response.send_message(question, view=view, ephemeral=True)


async def _replace(interaction: Interaction, sentence: str) -> None:
    await interaction.response.edit_message(content=sentence, view=None)
