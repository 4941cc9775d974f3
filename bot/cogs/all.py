"""Which cogs there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.ext import commands

from bot.cogs.asking import Asking
from bot.cogs.catch_up import CatchUp
from bot.cogs.changes import Changes
from bot.cogs.conversation import Conversation
from bot.cogs.examples import Examples
from bot.cogs.modes import Modes
from bot.cogs.privacy import Privacy
from bot.cogs.resetting import Resetting
from bot.cogs.retention import Retention
from bot.cogs.settings_panel import SettingsPanel
from bot.cogs.steering import Steering
from bot.cogs.telling import Telling
from bot.cogs.wording import Labels, Prefix

if TYPE_CHECKING:
    from bot.client import IdeficsClient


def cogs_of(client: IdeficsClient) -> list[commands.Cog]:
    """One per concern; those of a conversation are before those of commands."""
    conversation = Conversation(client)
    return [
        conversation,
        Changes(client),
        CatchUp(client, conversation.receive),
        Steering(client),
        Asking(client),
        Modes(client),
        Labels(client),
        Prefix(client),
        Examples(client),
        SettingsPanel(client),
        Resetting(client),
        Privacy(client),
        Retention(client),
        Telling(client),
    ]
