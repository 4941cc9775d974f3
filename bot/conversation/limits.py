"""How much one person and one server may ask for at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from bot.conversation.ports import Refusal

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests are accepted; what is over is refused."""

    in_flight_per_person: int = 3
    per_minute_per_person: int = 10
    in_flight_per_server: int = 100


class LimitKeeper:
    """Counts what is in flight and what was asked within the last minute; `clock` gives seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._of_person: Counter[int] = Counter()
        self._of_server: Counter[int] = Counter()
        self._asked: dict[int, deque[float]] = {}

    def admit(self, person_id: int, server_id: int | None) -> Refusal | None:
        """Why this person may not ask now; if nothing is in the way, None, and a request is in flight."""
        limits = self._limits
        now = self._clock()
        self._forget_before(now - _MINUTE)
        if self._of_person[person_id] >= limits.in_flight_per_person:
            return Refusal(
                f"You have {_counted(limits.in_flight_per_person, 'question')} waiting for an answer: "
                "ask again when one of them is answered."
            )
        asked = self._asked.get(person_id, deque())
        if len(asked) >= limits.per_minute_per_person:
            wait = max(1, round(asked[0] + _MINUTE - now))
            return Refusal(
                f"You have asked {_counted(limits.per_minute_per_person, 'question')} within a minute: "
                f"ask again in {_counted(wait, 'second')}."
            )
        if server_id is not None and self._of_server[server_id] >= limits.in_flight_per_server:
            return Refusal(
                f"{limits.in_flight_per_server} questions of this server are waiting for an answer: "
                "ask again in a while."
            )
        self._asked.setdefault(person_id, asked).append(now)
        self.take(person_id, server_id)
        return None

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
        for person_id, asked in list(self._asked.items()):
            while asked and asked[0] <= time:
                asked.popleft()
            if not asked:
                del self._asked[person_id]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
