"""What people may ask about their own data: to be forgotten, to be left out, to be given it."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Protocol

from bot.conversation.messages import Photo, Place, Remembered


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is kept of somebody, or is gone."""

    messages: int = 0
    photos: int = 0
    """Pictures that nothing of anybody else shows."""
    answers: int = 0
    examples: int = 0
    votes: int = 0
    """What the person thinks of answers."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a person's, and the answer that it got."""

    place: Place
    message: Remembered
    answer: Remembered | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What is kept of a person beside messages."""

    examples: tuple[tuple[Photo | None, str], ...]
    """The picture, if it is the person's, and the answer."""
    votes: dict[int, bool]
    """By question: whether the person likes its answer."""


class PersonalStore(Protocol):
    """The part of the store that belongs to whom its content is about."""

    async def kept_of(self, person_id: int) -> Amount:
        """What `forget_person` would forget."""
        ...

    async def forget_person(self, person_id: int, *, own_place: int | None = None) -> Amount:
        """All that the person said, showed and was answered, and the name; not that the person has opted out.

        Of `own_place`, in which only that person writes, the settings go too, as of those where messages of
        the person tell that it is one.
        """
        ...

    async def opt_out(self, person_id: int) -> Amount:
        """From now on the person's messages are not stored, but for a question until it is answered.

        What was stored before is forgotten, as by `forget_person`, but for questions that are owed an answer.
        """
        ...

    async def opt_in(self, person_id: int) -> None:
        """The person's messages are stored as everybody's."""
        ...

    async def has_opted_out(self, person_id: int) -> bool: ...

    async def said_by(self, person_id: int, after: int, limit: int) -> list[Said]:
        """The person's oldest `limit` messages with ids above `after`, oldest first."""
        ...

    async def kept_beside(self, person_id: int) -> Beside: ...

    async def retention_days(self, server_id: int) -> int | None:
        """How long the server wants its messages to be kept; None: it has not said."""
        ...

    async def set_retention_days(self, server_id: int, days: int | None) -> None: ...

    async def forget_expired(self, now: datetime, default_days: int) -> Amount:
        """What was said more than its server's retention time ago; `default_days` where none is set."""
        ...

    async def erase_traces(self) -> None:
        """What was forgotten is in none of the store's files any more: ends when that is so."""
        ...
