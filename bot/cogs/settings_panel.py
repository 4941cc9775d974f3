"""/settings: when and how the bot answers, in a thread, a channel or a server."""

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
    words_for,
)
from bot.bridge.panel import BY_NAME, SETTINGS, PanelPart, Setting, panel_embed, panel_view, typed
from bot.bridge.permissions import moderates_server
from bot.conversation.messages import Place, Scope
from bot.conversation.sources import Source, source_of
from bot.languages.words import Words, marked

if TYPE_CHECKING:
    from bot.client import IdeficsClient


class SettingsPanel(commands.Cog):
    def __init__(self, client: IdeficsClient) -> None:
        self.client = client

    @app_commands.command(name=marked("settings"), description=marked("When and how I answer here"))
    @app_commands.default_permissions(manage_channels=True)
    @polite
    async def settings(self, interaction: Interaction) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        place = place_of(interaction)
        found = await self.client.service.resolved(place)
        scope = source_of(place.scopes[0], place)
        await interaction.response.send_message(
            embed=panel_embed(found, words),
            view=panel_view(place, found, scope, SETTINGS[0], words),
            ephemeral=True,
        )

    @commands.Cog.listener()
    async def on_settings_panel(
        self, interaction: Interaction, part: PanelPart, values: tuple[str, ...]
    ) -> None:
        await self._use(interaction, part, values)

    @polite
    async def _use(self, interaction: Interaction, part: PanelPart, values: tuple[str, ...]) -> None:
        words = await words_for(interaction)
        require_moderator(interaction, words)
        place, scope, setting = place_of(interaction), part.scope, part.setting
        match part.kind:
            case "scope":
                scope = Source(values[0])
            case "setting":
                setting = BY_NAME[values[0]]
            case "value":
                await self._change(interaction, place, scope, setting, words, int(values[0]))
            case "inherit":
                await self._change(interaction, place, scope, setting, words, None)
        found = await self.client.service.resolved(place)
        words = await words_for(interaction)  # it may be the language that was chosen
        await interaction.response.edit_message(
            embed=panel_embed(found, words), view=panel_view(place, found, scope, setting, words)
        )

    async def _change(
        self,
        interaction: Interaction,
        place: Place,
        scope: Source,
        setting: Setting,
        words: Words,
        chosen: int | None,
    ) -> None:
        """`chosen`: which of the setting's values; None: it is unset."""
        where = _scope(place, scope)
        if where is None:
            raise RefusedError(words("That cannot be set here: open /settings again."))
        if where.is_server and not moderates_server(interaction.user):
            raise RefusedError(
                words("For the whole server you need Manage Channels in all of it: choose this channel.")
            )
        value = None if chosen is None else typed(setting, setting.values[chosen][0])
        own = (await self.client.store.settings(place))[place.scopes.index(where)]
        changed = replace(own, **{setting.name: value})
        await self.client.store.change_settings(where, changed)


def _scope(place: Place, wanted: Source) -> Scope | None:
    return next((scope for scope in place.scopes if source_of(scope, place) is wanted), None)
