"""The buttons under an answer. What they need is in their ids, so they work after a restart too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import discord

from bot.bridge.commands import words_for
from bot.conversation.requests import Request
from bot.languages.words import ENGLISH, Words, marked


class Action(StrEnum):
    STOP = "stop"
    REGENERATE = "regenerate"
    CONTINUE = "continue"
    ACCEPT = "accept"
    """The text as the pictures' alternative text."""
    DELETE = "delete"
    SHOW = "show"
    """Another version."""


_LOOKS = {
    Action.STOP: (marked("Stop"), discord.ButtonStyle.danger),
    Action.REGENERATE: (marked("Regenerate"), discord.ButtonStyle.secondary),
    Action.CONTINUE: (marked("Continue"), discord.ButtonStyle.primary),
    Action.ACCEPT: (marked("Use as alt text"), discord.ButtonStyle.success),
    Action.DELETE: (marked("Delete"), discord.ButtonStyle.secondary),
    Action.SHOW: ("", discord.ButtonStyle.secondary),
}

EVENT = "answer_button"
"""Dispatched as (interaction, the button) when a press is allowed and acknowledged."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Which buttons an answer has."""

    finished: bool
    can_regenerate: bool = True
    can_continue: bool = False
    can_accept: bool = False
    words: Words = ENGLISH


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=(
        r"answer:(?P<action>stop|regenerate|continue|accept|delete|show)(?:-(?P<version>\d{1,9}))?"
        r":(?P<request>\d+):(?P<asker>\d+)"
    ),
):
    """One button of one answer, for the person who asked and for moderators."""

    def __init__(
        self,
        action: Action,
        request_id: int,
        asker_id: int,
        *,
        version: int = 0,
        label: str = "",
        disabled: bool = False,
        row: int | None = None,
        words: Words = ENGLISH,
    ) -> None:
        said, style = _LOOKS[action]
        number = f"-{version}" if action is Action.SHOW else ""
        super().__init__(
            discord.ui.Button(
                label=label or words.said(said) or None,
                style=style,
                disabled=disabled,
                custom_id=f"answer:{action}{number}:{request_id}:{asker_id}",
                row=row,
            )
        )
        self.action = action
        self.request_id = request_id
        self.asker_id = asker_id
        self.version = version

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(
            Action(match["action"]),
            int(match["request"]),
            int(match["asker"]),
            version=int(match["version"] or 0),
            label="…",
        )

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        if interaction.user.id == self.asker_id:
            return True
        words = await words_for(interaction)
        if self.action is Action.ACCEPT:
            sentence = words("Only the person whose picture it is can do that.")
        elif interaction.permissions.manage_messages or interaction.permissions.manage_channels:
            return True
        else:
            sentence = words("Only the person who asked and moderators can do that.")
        await interaction.response.send_message(sentence, ephemeral=True)
        return False

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        # At once: Discord waits three seconds, and stopping or opening the request may wait for the store.
        await interaction.response.defer()
        interaction.client.dispatch(EVENT, interaction, self)


def buttons(request: Request, controls: Controls) -> discord.ui.View:
    """Stop under an answer that is not finished; under one that is, what can be done with it."""
    view = discord.ui.View(timeout=None)
    about, words = (request.id, request.asker.id), controls.words
    if not controls.finished:
        view.add_item(AnswerButton(Action.STOP, *about, words=words))
        return view
    for action, wanted in (
        (Action.ACCEPT, controls.can_accept),
        (Action.CONTINUE, controls.can_continue),
        (Action.REGENERATE, controls.can_regenerate),
        (Action.DELETE, True),
    ):
        if wanted:
            view.add_item(AnswerButton(action, *about, row=0, words=words))
    if request.versions > 1:
        here, last = request.version, request.versions
        for version, label, disabled in (
            (here - 1, "◀", here == 1),
            (here, f"{here}/{last}", True),
            (here + 1, "▶", here == last),
        ):
            view.add_item(
                AnswerButton(
                    Action.SHOW, *about, version=version, label=label, disabled=disabled, row=1, words=words
                )
            )
    return view


def is_being_written(message: discord.Message) -> bool:
    """It can be stopped."""
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    buttons_there = (each for row in rows for each in row.children if isinstance(each, discord.Button))
    return any((each.custom_id or "").startswith(f"answer:{Action.STOP}:") for each in buttons_there)
