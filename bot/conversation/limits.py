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
    """How many requests are accepted; what is over is refused. None: as many as come."""

    in_flight_per_person: int | None = 3
    per_minute_per_person: int | None = 10
    in_flight_per_server: int | None = 100
    per_minute_per_server: int | None = None
    per_day_per_person: int | None = None
    per_day_per_server: int | None = None
    moderators_exempt: bool = False
    """Whoever manages a channel is not limited there."""


UNLIMITED = Limits(in_flight_per_person=None, per_minute_per_person=None, in_flight_per_server=None)


class LimitKeeper:
    """Counts what is in flight and what was asked within the last minute; `clock` gives seconds.

    Days are counted by the store: they outlast the program (see `bot.conversation.admission`).
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._of_person: Counter[int] = Counter()
        self._of_server: Counter[int] = Counter()
        self._asked: dict[int, deque[float]] = {}
        """By person or server: their ids differ."""

    def admit(
        self, person_id: int, server_id: int | None, words: Words = ENGLISH, *, exempt: bool = False
    ) -> Refusal | None:
        """Why this person may not ask now; if nothing is in the way, None, and a request is in flight."""
        if not exempt:
            now = self._clock()
            self._forget_before(now - _MINUTE)
            if (said := self._objection(person_id, server_id, words, now)) is not None:
                return Refusal(said)
            for key in (person_id, server_id):
                if key is not None:
                    self._asked.setdefault(key, deque()).append(now)
        self.take(person_id, server_id)
        return None

    def _objection(self, person_id: int, server_id: int | None, words: Words, now: float) -> str | None:
        limits = self.limits
        if (most := limits.in_flight_per_person) is not None and self._of_person[person_id] >= most:
            return words.plural(
                "You have {number} question waiting for an answer: ask again when it is answered.",
                "You have {number} questions waiting for an answer: ask again when one of them is answered.",
                most,
            )
        if (most := limits.per_minute_per_person) is not None and (wait := self._wait(person_id, most, now)):
            return words(
                "You have asked {count} within a minute: ask again in {wait}.",
                count=words.plural("{number} question", "{number} questions", most),
                wait=words.plural("{number} second", "{number} seconds", wait),
            )
        if server_id is None:
            return None
        if (most := limits.in_flight_per_server) is not None and self._of_server[server_id] >= most:
            return words.plural(
                "{number} question of this server is waiting for an answer: ask again in a while.",
                "{number} questions of this server are waiting for an answer: ask again in a while.",
                most,
            )
        if (most := limits.per_minute_per_server) is not None and (wait := self._wait(server_id, most, now)):
            return words(
                "This server has asked {count} within a minute: ask again in {wait}.",
                count=words.plural("{number} question", "{number} questions", most),
                wait=words.plural("{number} second", "{number} seconds", wait),
            )
        return None

    def _wait(self, key: int, most: int, now: float) -> int:
        """Seconds until it may be asked again; 0: now."""
        asked = self._asked.get(key, deque())
        return max(1, round(asked[-most] + _MINUTE - now)) if len(asked) >= most else 0

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
