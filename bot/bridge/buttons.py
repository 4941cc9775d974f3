"""The buttons under an answer. What they need is in their ids, so they work after a restart too."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self

import discord


class Action(StrEnum):
    STOP = "stop"
    REGENERATE = "regenerate"
    DELETE = "delete"


_LOOKS = {
    Action.STOP: ("Stop", discord.ButtonStyle.danger),
    Action.REGENERATE: ("Regenerate", discord.ButtonStyle.secondary),
    Action.DELETE: ("Delete", discord.ButtonStyle.secondary),
}

EVENT = "answer_button"
"""Dispatched as (interaction, action, request id) when a press is allowed and acknowledged."""


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"answer:(?P<action>stop|regenerate|delete):(?P<request>\d+):(?P<asker>\d+)",
):
    """One button of one answer, for the person who asked and for moderators."""

    def __init__(self, action: Action, request_id: int, asker_id: int) -> None:
        label, style = _LOOKS[action]
        super().__init__(
            discord.ui.Button(label=label, style=style, custom_id=f"answer:{action}:{request_id}:{asker_id}")
        )
        self.action = action
        self.request_id = request_id
        self.asker_id = asker_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Action(match["action"]), int(match["request"]), int(match["asker"]))

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        if interaction.user.id == self.asker_id or interaction.permissions.manage_messages:
            return True
        await interaction.response.send_message(
            "Only the person who asked and moderators can do that.", ephemeral=True
        )
        return False

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        # At once: Discord waits three seconds, and stopping or opening the request may wait for the store.
        await interaction.response.defer()
        interaction.client.dispatch(EVENT, interaction, self.action, self.request_id)


def buttons(request_id: int, asker_id: int, *, finished: bool) -> discord.ui.View:
    """Stop under an answer that is not finished, Regenerate and Delete under one that is."""
    view = discord.ui.View(timeout=None)
    for action in (Action.REGENERATE, Action.DELETE) if finished else (Action.STOP,):
        view.add_item(AnswerButton(action, request_id, asker_id))
    return view
