"""/reset: what was said before no longer counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import (
    Interaction,
    RefusedError,
    is_moderator,
    place_of,
    polite,
    say_privately,
    words_for,
)
from bot.languages.words import marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient


class Resetting(commands.Cog):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(
        name=marked("reset"), description=marked("Begin afresh here: what was said before no longer counts")
    )
    @polite
    async def reset(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        if not is_moderator(interaction) and not await self._began_this_thread(interaction):
            raise RefusedError(
                words("Only moderators can do that here; you can in threads that began with your question.")
            )
        await self.client.store.clear_history(place_of(interaction).id, interaction.id)
        await say_privately(interaction, words("We begin afresh: what was said before no longer counts."))

    async def _began_this_thread(self, interaction: Interaction) -> bool:
        channel = interaction.channel
        if not isinstance(channel, discord.Thread):
            return False
        if channel.owner_id == interaction.user.id:
            return True
        # A thread that is opened from a message has its id.
        request = await self.client.store.request_of_question(channel.id)
        return request is not None and request.asker.id == interaction.user.id
