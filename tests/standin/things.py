"""What there is on the stand-in: accounts, servers, channels, threads, messages and files, as plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.standin.permissions import Overwrite, Permission

EPOCH_MS = 1_420_070_400_000

TEXT, DIRECT, VOICE, NEWS, NEWS_THREAD, PUBLIC_THREAD, FORUM = 0, 1, 2, 5, 10, 11, 15
THREADS = {NEWS_THREAD, PUBLIC_THREAD}

DEFAULT_TYPE, REPLY_TYPE, COMMAND_TYPE, STARTER_TYPE = 0, 19, 20, 21
HAS_THREAD, EPHEMERAL, LOADING, FORWARDED = 1 << 5, 1 << 6, 1 << 7, 1 << 14


class Snowflakes:
    """Ids: the time in milliseconds since 2015 in the upper 42 bits, never the same twice, always rising."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        now = (time.time_ns() // 1_000_000 - EPOCH_MS) << 22
        self._last = max(now, self._last + 1)
        return self._last


def timestamp(snowflake: int) -> str:
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC).isoformat()


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(eq=False)
class Account:
    id: int
    name: str
    is_bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def __repr__(self) -> str:
        return f"<{self.name} {self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: Permission
    managed: bool = False


@dataclass(eq=False)
class Server:
    id: int
    name: str
    owner: Account
    roles: list[Role] = field(default_factory=list)
    """The first is @everyone, with the server's own id."""
    members: dict[Account, list[Role]] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)
    """Without threads."""
    threads: list[Channel] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.name} {self.id}>"


@dataclass(eq=False)
class Channel:
    id: int
    kind: int
    name: str = ""
    server: Server | None = None
    parent: Channel | None = None
    recipient: Account | None = None
    """The person of a direct message."""
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    """By the id of the role or account."""
    messages: dict[int, Message] = field(default_factory=dict)
    """In the order of their ids."""
    owner: Account | None = None
    joined: list[Account] = field(default_factory=list)
    archived: bool = False
    locked: bool = False

    @property
    def is_thread(self) -> bool:
        return self.kind in THREADS

    @property
    def last_message_id(self) -> int | None:
        return next(reversed(self.messages), None)

    def __repr__(self) -> str:
        return f"<#{self.name} {self.id}>"


@dataclass(eq=False)
class File:
    id: int
    name: str
    data: bytes
    content_type: str | None
    url: str = ""
    size: tuple[int, int] | None = None
    """Width and height, as Discord's clients claim them; they are optional."""
    claimed_bytes: int | None = None
    """What the message says that the file weighs, where that is a lie."""


@dataclass(eq=False)
class Message:
    id: int
    channel: Channel
    author: Account
    content: str
    type: int = DEFAULT_TYPE
    attachments: list[File] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    stickers: list[File] = field(default_factory=list)
    mentions: list[Account] = field(default_factory=list)
    """Who is pinged, the author of the replied-to message among them."""
    mentions_everyone: bool = False
    reference: tuple[int, int] | None = None
    """Channel and message that it replies to, forwards or starts a thread from."""
    forwarded: Message | None = None
    flags: int = 0
    nonce: str | None = None
    edited: str | None = None
    thread: Channel | None = None
    webhook: bool = False
    deleted: bool = False
    contents: list[str] = field(default_factory=list)
    """All that it ever said, the present text last."""

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """The buttons that can be pressed, by label."""
        rows = [row.get("components", []) for row in self.components]
        return {
            part.get("label") or part["emoji"]["name"]: part
            for row in rows
            for part in row
            if part["type"] == 2 and "custom_id" in part and not part.get("disabled")
        }

    def __repr__(self) -> str:
        return f"<{self.author.name}: {self.content!r} {list(self.buttons)}>"
