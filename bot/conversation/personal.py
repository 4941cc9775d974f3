"""What people may ask about their own data: to be forgotten, to be left out, to be given it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.conversation.messages import Place, Remembered


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much is gone."""

    messages: int = 0
    photos: int = 0
    """Pictures that nobody else's message shows."""
    answers: int = 0

    def __add__(self, other: Forgotten) -> Forgotten:
        return Forgotten(
            self.messages + other.messages, self.photos + other.photos, self.answers + other.answers
        )


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a person's, and the answer that it got."""

    place: Place
    message: Remembered
    answer: Remembered | None


class PersonalStore(Protocol):
    """The part of the store that belongs to whom its content is about."""

    async def forget_person(self, person_id: int) -> Forgotten:
        """All that the person said and was answered, and the name; not that the person has opted out."""
        ...

    async def opt_out(self, person_id: int) -> Forgotten:
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

    async def retention_days(self, server_id: int) -> int | None:
        """How long the server wants its messages to be kept; None: it has not said."""
        ...

    async def set_retention_days(self, server_id: int, days: int | None) -> None: ...

    async def forget_expired(self, now: datetime, default_days: int) -> Forgotten:
        """What was said more than its server's retention time ago; `default_days` where none is set."""
        ...

    async def erase_traces(self) -> None:
        """What was forgotten is in none of the store's files any more: ends when that is so."""
        ...
