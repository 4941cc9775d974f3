"""Letting a request in: within the limits, and counted once it is in flight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.conversation.limits import LimitKeeper
from bot.conversation.messages import Person, Place, first_id_at
from bot.conversation.requests import Refusal, Request
from bot.conversation.running import Runs
from bot.conversation.store import Store
from bot.languages.words import Words

_DAY = timedelta(days=1)


class Admission:
    def __init__(self, store: Store, runs: Runs, keeper: LimitKeeper, now: Callable[[], datetime]) -> None:
        self._store = store
        self._runs = runs
        self._keeper = keeper
        self._now = now

    async def admit(
        self,
        asker: Person,
        place: Place,
        accept: Callable[[], Awaitable[Request | None]],
        words: Words,
        *,
        exempt: bool,
    ) -> Request | Refusal | None:
        """What `accept` returns, unless the asker has to wait; it counts if it put a request in flight.

        `exempt`: the asker is a moderator, who is not limited where that is set.
        """
        exempt = exempt and self._keeper.limits.moderators_exempt
        refusal = self._keeper.admit(asker.id, place.server_id, words, exempt=exempt)
        if refusal is not None:
            return refusal
        request = None
        try:
            refusal = None if exempt else await self._over_the_day(asker, place, words)
            request = None if refusal is not None else await accept()
        finally:
            if request is None or not self._runs.has(request.id):
                self._keeper.release(asker.id, place.server_id)
        return refusal or request

    async def _over_the_day(self, asker: Person, place: Place, words: Words) -> Refusal | None:
        since = first_id_at(self._now() - _DAY)
        limit = self._keeper.limits.per_day_per_person
        if limit is not None:
            asked = await self._store.asked_since(since, person_id=asker.id, server_id=None)
            if asked >= limit:
                return Refusal(
                    words.plural(
                        "You have asked {number} question within a day, the limit: ask again tomorrow.",
                        "You have asked {number} questions within a day, the limit: ask again tomorrow.",
                        limit,
                    )
                )
        limit = self._keeper.limits.per_day_per_server
        if limit is not None and place.server_id is not None:
            asked = await self._store.asked_since(since, person_id=None, server_id=place.server_id)
            if asked >= limit:
                return Refusal(
                    words.plural(
                        "This server has asked {number} question within a day, the limit: wait a day.",
                        "This server has asked {number} questions within a day, the limit: wait a day.",
                        limit,
                    )
                )
        return None
