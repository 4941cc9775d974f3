"""How much one person and one server may ask for at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from bot.conversation.requests import Refusal
from bot.languages.words import ENGLISH, Words

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests are accepted; what is over is refused."""

    in_flight_per_person: int = 3
    per_minute_per_person: int = 10
    in_flight_per_server: int = 100
    per_minute_per_server: int | None = None
    """None: as many as come."""
    per_day_per_person: int | None = None
    per_day_per_server: int | None = None
    moderators_exempt: bool = False
    """Whoever manages a channel is not limited there."""


class LimitKeeper:
    """Counts what is in flight and what was asked within the last minute; `clock` gives seconds.

    Days are counted by the store: they outlast the program (see `bot.conversation.admission`).
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._of_person: Counter[int] = Counter()
        self._of_server: Counter[int] = Counter()
        self._asked: dict[int, deque[float]] = {}
        """By person or server: their ids differ."""

    def admit(
        self, person_id: int, server_id: int | None, words: Words = ENGLISH, *, exempt: bool = False
    ) -> Refusal | None:
        """Why this person may not ask now; if nothing is in the way, None, and a request is in flight."""
        limits = self._limits
        if exempt:
            self.take(person_id, server_id)
            return None
        now = self._clock()
        self._forget_before(now - _MINUTE)
        if self._of_person[person_id] >= limits.in_flight_per_person:
            return Refusal(
                words.plural(
                    "You have {number} question waiting for an answer: ask again when it is answered.",
                    "You have {number} questions waiting for an answer: "
                    "ask again when one of them is answered.",
                    limits.in_flight_per_person,
                )
            )
        if (wait := self._wait(person_id, limits.per_minute_per_person, now)) is not None:
            return Refusal(
                words(
                    "You have asked {count} within a minute: ask again in {wait}.",
                    count=words.plural(
                        "{number} question", "{number} questions", limits.per_minute_per_person
                    ),
                    wait=words.plural("{number} second", "{number} seconds", wait),
                )
            )
        if server_id is not None and self._of_server[server_id] >= limits.in_flight_per_server:
            return Refusal(
                words.plural(
                    "{number} question of this server is waiting for an answer: ask again in a while.",
                    "{number} questions of this server are waiting for an answer: ask again in a while.",
                    limits.in_flight_per_server,
                )
            )
        if (
            server_id is not None
            and limits.per_minute_per_server is not None
            and (wait := self._wait(server_id, limits.per_minute_per_server, now)) is not None
        ):
            return Refusal(
                words(
                    "This server has asked {count} within a minute: ask again in {wait}.",
                    count=words.plural(
                        "{number} question", "{number} questions", limits.per_minute_per_server
                    ),
                    wait=words.plural("{number} second", "{number} seconds", wait),
                )
            )
        for key in (person_id, server_id):
            if key is not None:
                self._asked.setdefault(key, deque()).append(now)
        self.take(person_id, server_id)
        return None

    def _wait(self, key: int, limit: int, now: float) -> int | None:
        """Seconds until it may be asked again; None: now."""
        asked = self._asked.get(key, deque())
        return max(1, round(asked[-limit] + _MINUTE - now)) if len(asked) >= limit else None

    def take(self, person_id: int, server_id: int | None) -> None:
        """A request is in flight, whatever the limits: it was accepted before."""
        self._of_person[person_id] += 1
        if server_id is not None:
            self._of_server[server_id] += 1

    def release(self, person_id: int, server_id: int | None) -> None:
        """A request is over."""
        for counter, key in ((self._of_person, person_id), (self._of_server, server_id)):
            if key is not None:
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]

    def _forget_before(self, time: float) -> None:
        for key, asked in list(self._asked.items()):
            while asked and asked[0] <= time:
                asked.popleft()
            if not asked:
                del self._asked[key]
