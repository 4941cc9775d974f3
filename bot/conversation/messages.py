"""People, places, messages and photos, in the core's own terms; every chat is translated into these."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from bot.conversation.channel_settings import Mode
from bot.languages.words import Sentence

DISCORD_EPOCH_MS = 1_420_070_400_000
"""2015-01-01 UTC, from which Discord's ids count milliseconds in their upper 42 bits."""


class PlaceKind(StrEnum):
    CHANNEL = "channel"
    """A server's text or announcement channel, where a thread can be opened from a message."""
    THREAD = "thread"
    """A thread or a forum post."""
    CHAT = "chat"
    """A server's other place to write, such as the chat of a voice channel: no threads."""
    DIRECT = "direct"
    """A direct message."""
    WEB = "web"
    """A conversation in the browser."""


class Origin(StrEnum):
    PERSON = "person"
    SELF = "self"
    BOT = "bot"
    WEBHOOK = "webhook"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Scope:
    """What settings and examples can belong to: a place or a server.

    The id alone does not say which: a server's first channel may have the server's id.
    """

    id: int
    is_server: bool = False
    server_id: int | None = field(default=None, compare=False)
    """The server that it is in, or is; None outside servers."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages stand. `parent_id` is a thread's channel; `server_id` is None outside servers."""

    id: int
    kind: PlaceKind
    server_id: int | None = None
    parent_id: int | None = None

    @property
    def scopes(self) -> list[Scope]:
        """The place itself, then its channel, then its server, as far as it has them."""
        server = self.server_id
        around = [Scope(id, server_id=server) for id in (self.id, self.parent_id) if id is not None]
        return around if server is None else [*around, Scope(server, is_server=True, server_id=server)]


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    """As shown to others."""


@dataclass(frozen=True, slots=True)
class PhotoOffer:
    """Something in a message that claims to be a picture, and where it can be fetched."""

    url: str
    name: str | Sentence
    """For people: a file name, or words such as "the sticker Wave"."""
    size: int | None = None
    """Bytes, as claimed."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that was fetched, checked and normalised; its bytes lie in the store."""

    sha256: str
    """Of the normalised bytes, 64 hex digits."""
    width: int
    height: int
    """Pixels of the normalised picture."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    photo: Photo
    data: bytes
    """A WebP or PNG file, at most 768 pixels on its longer side."""


@dataclass(frozen=True, slots=True)
class SkippedPhoto:
    """An offer that is no usable picture."""

    name: str | Sentence
    reason: Sentence
    """For the person who sent it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The message that a message replies to."""

    message_id: int
    to_bot: bool
    """It is one of this bot's own."""
    message: Message | None = None
    """As the chat sent it along, if it did."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it arrives. Its id orders it in time: a snowflake like Discord's, also in the browser."""

    id: int
    place: Place
    author: Person
    origin: Origin
    text: str
    """What the person wrote: without the bot's mention, other mentions written as names."""
    offers: tuple[PhotoOffer, ...] = ()
    """In the order in which they are shown: attachments, forwarded ones, embeds, stickers."""
    mentions_bot: bool = False
    reply_to: Reference | None = None
    mode: Mode | None = None
    """Asked for in this one; None: as is set for the place."""
    by_moderator: bool = False
    language: str | None = None
    """The author's, or else that of those around, as a locale, where the chat knows it."""

    @property
    def created_at(self) -> datetime:
        return created_at(self.id)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A message as it is kept. Of the bot's own, `token_ids` are the generated ids of its text."""

    id: int
    place_id: int
    author: Person
    by_bot: bool
    text: str
    photos: tuple[Photo, ...] = ()
    addressed: bool = False
    """It was said to the bot, or is the bot's answer."""
    reply_to_id: int | None = None
    token_ids: tuple[int, ...] | None = None

    @property
    def created_at(self) -> datetime:
        return created_at(self.id)


def first_id_at(time: datetime) -> int:
    """Below which the ids of everything made before that time are."""
    return max(0, int(time.timestamp() * 1000) - DISCORD_EPOCH_MS) << 22


def created_at(snowflake: int) -> datetime:
    """When something with this id was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp(((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000, UTC)
