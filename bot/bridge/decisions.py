"""The buttons under a question that is asked before something is done that cannot be undone."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self

import discord

from bot.languages.words import ENGLISH, Words, marked

EVENT = "decision"
"""Dispatched as (interaction, the decision) when one is made."""


class Decision(StrEnum):
    FORGET = "forget"
    OPT_OUT = "optout"
    KEEP = "keep"


_LOOKS = {
    Decision.FORGET: (marked("Forget it all"), discord.ButtonStyle.danger),
    Decision.OPT_OUT: (marked("Opt out"), discord.ButtonStyle.danger),
    Decision.KEEP: (marked("Leave it as it is"), discord.ButtonStyle.secondary),
}


class DecisionButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"decide:(?P<decision>forget|optout|keep)"
):
    """It is about whoever presses it, so nobody's id is in it."""

    def __init__(self, decision: Decision, words: Words = ENGLISH) -> None:
        label, style = _LOOKS[decision]
        super().__init__(
            discord.ui.Button(label=words.said(label), style=style, custom_id=f"decide:{decision}")
        )
        self.decision = decision

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Decision(match["decision"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch(EVENT, interaction, self.decision)


def decisions(words: Words, *offered: Decision) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for decision in offered:
        view.add_item(DecisionButton(decision, words))
    return view
