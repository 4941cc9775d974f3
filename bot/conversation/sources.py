"""Where a setting comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from bot.conversation.channel_settings import ChannelSettings, resolve
from bot.conversation.messages import Place, PlaceKind, Scope


class Source(StrEnum):
    """Innermost first."""

    THREAD = "thread"
    CHANNEL = "channel"
    SERVER = "server"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What holds in a place, and where each value was set."""

    settings: ChannelSettings
    origins: dict[str, Source]
    """By the setting's name."""


def source_of(scope: Scope, place: Place) -> Source:
    """What one of the place's scopes is."""
    if scope.is_server:
        return Source.SERVER
    return Source.THREAD if scope.id == place.id and place.kind is PlaceKind.THREAD else Source.CHANNEL


def resolved(place: Place, layers: Sequence[ChannelSettings], defaults: ChannelSettings) -> Resolved:
    """From the place's layers as the store has them; `defaults` are those of whoever runs the bot."""
    named = [(source_of(scope, place), layer) for scope, layer in zip(place.scopes, layers, strict=True)]
    origins = {
        field.name: next(
            (source for source, layer in named if getattr(layer, field.name) is not None), Source.DEFAULT
        )
        for field in fields(ChannelSettings)
    }
    return Resolved(resolve((*layers, defaults)), origins)
