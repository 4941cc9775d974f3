"""What the store keeps beside conversations: examples, earlier answers, reactions, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.conversation.messages import Photo, Place, Scope, StoredPhoto


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and the answer that is wanted for it."""

    id: int
    photo: Photo
    answer: str


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose an example is. It goes when one of them wants to be forgotten."""

    shown_by: int
    """Whose picture it is."""
    written_by: int
    """Who says what the answer should be."""
    message_id: int | None = None
    """The message that shows the picture: the example goes with it. None: there is none."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day's answers."""

    days_ago: int
    answers: int
    tokens_per_second: float | None
    """The median over the day's answers, as the next one; None if there is nothing to measure."""
    first_token_seconds: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of a server, or of a place outside of servers."""

    days: tuple[Day, ...]
    """Oldest first, today's last."""
    answers: int
    tokens_per_second: float | None
    first_token_seconds: float | None
    liked: int
    """Reactions to its answers, ever."""
    disliked: int


@dataclass(frozen=True, slots=True)
class Announced:
    """A message of the bot's that shows a question by command, which is yet to be taken in."""

    message_id: int
    place_id: int
    language: str
    """In which it is spoken of."""


class ExampleStore(Protocol):
    """Examples of threads, channels and servers. Every method is one short transaction."""

    async def add_example(self, scope: Scope, photo: StoredPhoto, answer: str, owners: Owners) -> int:
        """Adds one after those that are there; returns its id."""
        ...

    async def examples(self, scopes: Sequence[Scope]) -> list[Example]:
        """Those of the first scope that has any, oldest first."""
        ...

    async def remove_example(self, scope: Scope, example_id: int) -> bool:
        """Whether the scope had it."""
        ...

    async def clear_examples(self, scope: Scope) -> int:
        """Removes all of the scope's own; returns how many there were."""
        ...


class AnswerStore(Protocol):
    """What people do with answers."""

    async def show_version(self, request_id: int, version: int) -> bool:
        """Takes up another answer to the same question, 1 being the oldest: it is in the history from now on.

        False if there is none of this number, or the request is owed.
        """
        ...

    async def keep_feedback(self, request_id: int, person_id: int, *, liked: bool) -> None:
        """What a person thinks of an answer; the last word counts."""
        ...

    async def take_back_feedback(self, request_id: int, person_id: int, *, liked: bool) -> None:
        """The person no longer says that; something else that was said since stays."""
        ...

    async def statistics(self, place: Place, now: int, days: int) -> Statistics:
        """Over the last `days` days before `now`, an id such as messages have."""
        ...

    async def was_asked_later(self, request_id: int, *, by_asker: bool) -> bool:
        """Whether there is a later question in the same place, or a later one by the same person there."""
        ...

    async def asked_since(self, since: int, *, person_id: int | None, server_id: int | None) -> int:
        """How many questions with ids above `since` there were of a person, or in a server."""
        ...

    async def registered_commands(self, application: str) -> str | None:
        """What was last kept as registered there."""
        ...

    async def keep_registered_commands(self, application: str, digest: str) -> None: ...


class AnnouncedStore(Protocol):
    """So that a question that was never taken in, as the program ended, does not look as if it were."""

    async def keep_announced(self, announced: Announced) -> None: ...

    async def forget_announced(self, message_id: int) -> None:
        """It was taken in, or is no longer shown."""
        ...

    async def announced(self) -> list[Announced]:
        """Oldest first."""
        ...
