"""The settings panel: what can be chosen, and how it looks. Its state is in the ids of its parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.bridge.modes import DOES
from bot.conversation.channel_settings import History, Mode, Threads, Trigger
from bot.conversation.messages import Place
from bot.conversation.sources import Resolved, Source, source_of
from bot.languages.words import Words, languages, marked, name_of

EVENT = "settings_panel"
"""Dispatched as (interaction, the part, the values chosen) when one is used."""

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the panel. `values` are those that can be chosen, with their names."""

    name: str
    label: str
    values: tuple[tuple[Value, str], ...]

    def said(self, value: Value, words: Words) -> str:
        name = next((name for known, name in self.values if known == value), None)
        return words.said(name) if name is not None else "–" if value is None else str(value)  # noqa: RUF001


SETTINGS = (
    Setting("mode", marked("Mode"), tuple((mode.value, mode.value) for mode in DOES)),
    Setting(
        "trigger",
        marked("Responds"),
        (
            (Trigger.MENTION.value, marked("when mentioned")),
            (Trigger.EVERY_PICTURE.value, marked("every picture")),
            (Trigger.EVERY_MESSAGE.value, marked("every message")),
        ),
    ),
    Setting(
        "threads",
        marked("Opens threads"),
        (
            (Threads.ALWAYS.value, marked("always")),
            (Threads.PHOTO.value, marked("for pictures")),
            (Threads.NEVER.value, marked("never")),
        ),
    ),
    Setting(
        "history",
        marked("Considers"),
        (
            (History.ALL.value, marked("all that was said here")),
            (History.ADDRESSED.value, marked("what was said to me")),
            (History.OFF.value, marked("nothing earlier")),
        ),
    ),
    Setting(
        "max_new_tokens",
        marked("Length of answers"),
        (
            (None, marked("as suits the mode")),
            (20, marked("short: 20 tokens")),
            (100, marked("medium: 100 tokens")),
            (300, marked("long: 300 tokens")),
        ),
    ),
    Setting(
        "temperature",
        marked("Creativity"),
        (
            (0.0, marked("none: the likeliest words")),
            (0.4, marked("some")),
            (0.7, marked("more")),
            (1.0, marked("much")),
        ),
    ),
    Setting(
        "streaming",
        marked("Shows answers"),
        ((True, marked("while they are written")), (False, marked("when they are finished"))),
    ),
    Setting(
        "language",
        marked("Language of my own words"),
        ((None, marked("each person's own")), *((name, name_of(name)) for name in languages())),
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
SCOPES = {
    Source.THREAD: marked("this thread"),
    Source.CHANNEL: marked("this channel"),
    Source.SERVER: marked("the whole server"),
    Source.DEFAULT: marked("default"),
}


def typed(setting: Setting, value: Value) -> Any:
    """As `ChannelSettings` has it."""
    kinds: dict[str, Callable[[Any], object]] = {
        "mode": Mode,
        "trigger": Trigger,
        "threads": Threads,
        "history": History,
    }
    return kinds[setting.name](value) if setting.name in kinds and value is not None else value


class PanelPart(
    discord.ui.DynamicItem[discord.ui.Item[Any]],
    template=r"panel:(?P<kind>scope|setting|value|inherit):(?P<scope>[a-z]+):(?P<setting>[a-z_]+)",
):
    """A list or button of the panel: what it is for, and what is chosen in the others."""

    def __init__(self, item: discord.ui.Item[Any], kind: str, scope: Source, setting: Setting) -> None:
        super().__init__(item)
        self.kind = kind
        self.scope = scope
        self.setting = setting

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(item, match["kind"], Source(match["scope"]), BY_NAME[match["setting"]])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        values: Sequence[str] = self.item.values if isinstance(self.item, discord.ui.Select) else ()
        interaction.client.dispatch(EVENT, interaction, self, tuple(values))


def panel_embed(found: Resolved, words: Words) -> discord.Embed:
    """Every setting with its value and where that comes from."""
    embed = discord.Embed(title=words("Settings"))
    for setting in SETTINGS:
        value = getattr(found.settings, setting.name)
        origin = words.said(SCOPES[found.origins[setting.name]])
        shown = f"**{setting.said(value, words)}**\n-# {origin}"
        embed.add_field(name=words.said(setting.label), value=shown, inline=True)
    embed.set_footer(text=words("Choose for where, then what, then its new value."))
    return embed


def panel_view(
    place: Place, found: Resolved, scope: Source, setting: Setting, words: Words
) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    here = [source_of(one, place) for one in place.scopes]
    view.add_item(
        _select("scope", scope, setting, [(one.value, words.said(SCOPES[one]), one is scope) for one in here])
    )
    lines = [(one.name, words.said(one.label), one is setting) for one in SETTINGS]
    view.add_item(_select("setting", scope, setting, lines))
    value = getattr(found.settings, setting.name)
    choices = [
        (str(number), words.said(name), known == value)
        for number, (known, name) in enumerate(setting.values)
        if known is not None
    ]
    placeholder = words("{setting}: choose a value", setting=words.said(setting.label))
    view.add_item(_select("value", scope, setting, choices, placeholder))
    inherit = discord.ui.Button[Any](
        label=words("Leave it to the wider setting"),
        disabled=found.origins[setting.name] is not scope,
        custom_id=_id("inherit", scope, setting),
    )
    view.add_item(PanelPart(inherit, "inherit", scope, setting))
    return view


def _select(
    kind: str,
    scope: Source,
    setting: Setting,
    options: Sequence[tuple[str, str, bool]],
    placeholder: str | None = None,
) -> PanelPart:
    select = discord.ui.Select[Any](
        custom_id=_id(kind, scope, setting),
        placeholder=placeholder,
        options=[
            discord.SelectOption(label=label[:100], value=value, default=chosen)
            for value, label, chosen in options
        ],
    )
    return PanelPart(select, kind, scope, setting)


def _id(kind: str, scope: Source, setting: Setting) -> str:
    return f"panel:{kind}:{scope.value}:{setting.name}"
