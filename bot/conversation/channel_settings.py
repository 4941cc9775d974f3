"""What moderators decide for a thread, a channel or a server; thread > channel > server > default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum


class Mode(StrEnum):
    """What is done with pictures."""

    CHAT = "chat"
    CAPTION = "caption"
    PROMPTED_CAPTION = "prompted-caption"
    VQA = "vqa"
    CLASSIFY = "classify"
    FEW_SHOT = "few-shot"
    STORY = "story"


class Trigger(StrEnum):
    """What the bot answers outside its own threads and direct messages, where it answers everything."""

    MENTION = "mention"
    EVERY_PICTURE = "every picture"
    EVERY_MESSAGE = "every message"


class Threads(StrEnum):
    """When an answer in a channel opens a thread."""

    ALWAYS = "always"
    PHOTO = "photo"
    NEVER = "never"


class History(StrEnum):
    """Which earlier messages of a place the model is shown."""

    ALL = "all"
    ADDRESSED = "addressed"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One place's own settings; None, and only None, means unset."""

    mode: Mode | None = None
    trigger: Trigger | None = None
    threads: Threads | None = None
    history: History | None = None
    labels: tuple[str, ...] | None = None
    """For `classify`."""
    prefix: str | None = None
    """For `prompted-caption`."""
    max_new_tokens: int | None = None
    """Unset: the mode's own length."""
    temperature: float | None = None
    streaming: bool | None = None
    language: str | None = None
    """Of the bot's own words, as a locale such as "en" or "ar"; unset: the reader's, if known."""


DEFAULTS = ChannelSettings(
    mode=Mode.CHAT,
    trigger=Trigger.MENTION,
    threads=Threads.PHOTO,
    history=History.ADDRESSED,
    labels=(),
    prefix="This is an image of",
    temperature=0.0,
    streaming=True,
)


def resolve(layers: Iterable[ChannelSettings]) -> ChannelSettings:
    """The first set value of each setting over `layers`, innermost first, and then the defaults."""
    layers = (*layers, DEFAULTS)
    values = {
        field.name: next(
            (value for layer in layers if (value := getattr(layer, field.name)) is not None), None
        )
        for field in fields(ChannelSettings)
    }
    return ChannelSettings(**values)
