"""/retention: how long what is said in a server is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import app_commands
from discord.ext import commands

from bot.bridge.commands import Interaction, RefusedError, place_of, polite, say_privately, words_for
from bot.bridge.lifetimes import kept_for
from bot.bridge.permissions import moderates_server
from bot.languages.words import Words, marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient

MOST_DAYS = 365


class Retention(
    commands.GroupCog,
    group_name=marked("retention"),
    group_description=marked("How long what is said in this server is kept"),
):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(name=marked("show"), description=marked("Show how long what is said here is kept"))
    @polite
    async def show(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        server_id = place_of(interaction).server_id
        days = None if server_id is None else await self.client.store.retention_days(server_id)
        await say_privately(interaction, kept_for(days or self._default, words))

    @app_commands.command(
        name=marked("set"), description=marked("Choose after how many days what is said here is forgotten")
    )
    @app_commands.describe(days=marked("Days"))
    @polite
    async def set(self, interaction: Interaction, days: app_commands.Range[int, 1, MOST_DAYS]) -> None:
        await self._set(interaction, days)

    @app_commands.command(name=marked("reset"), description=marked("Leave it to the bot's own time again"))
    @polite
    async def reset(self, interaction: Interaction) -> None:
        await self._set(interaction, None)

    async def _set(self, interaction: Interaction, days: int | None) -> None:
        words = await words_for(interaction)
        server_id = _server(interaction, words)
        await interaction.response.defer(ephemeral=True)
        await self.client.store.set_retention_days(server_id, days)
        # At once: the job comes every hour only.
        await self.client.service.erasing.forget_expired()
        await say_privately(interaction, kept_for(days or self._default, words))

    @property
    def _default(self) -> int:
        return self.client.service.erasing.retention_days


def _server(interaction: Interaction, words: Words) -> int:
    """The server, which whoever asks moderates as a whole.

    Raises:
        RefusedError: there is none, or the person does not.
    """
    server_id = place_of(interaction).server_id
    if server_id is None:
        raise RefusedError(words("This is no server: what you say here you can delete with /forget me."))
    if not moderates_server(interaction.user):
        raise RefusedError(words("For that you need the permission Manage Channels in the whole server."))
    return server_id
