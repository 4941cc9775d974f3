"""The way of one message: recorded, decided on, answered, shown, and the answer recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot.conversation.admission import Admission
from bot.conversation.answering import Answerer
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.erasing import Eraser
from bot.conversation.intake import Intake
from bot.conversation.keeping import Example
from bot.conversation.limits import LimitKeeper, Limits
from bot.conversation.messages import PhotoOffer, Place, SkippedPhoto, StoredPhoto
from bot.conversation.places import Places
from bot.conversation.ports import Audience, PhotoFetcher
from bot.conversation.receiving import Receiver
from bot.conversation.requests import Outcome, Request, RequestState
from bot.conversation.running import Runs
from bot.conversation.steering import Steering
from bot.conversation.store import Store
from inference.surface import Engine


class ReplyService:
    """Answers the messages of any number of chats with one engine; it belongs to one event loop.

    An audience hands over what happens in its chat, and is asked for a view of each answer. An answer is
    one task, which ends with it; there are no others, and `close` waits for all.
    """

    def __init__(
        self,
        store: Store,
        fetcher: PhotoFetcher,
        engine: Engine,
        limits: Limits,
        *,
        base: bool = False,
        defaults: ChannelSettings | None = None,
        retention_days: int = 30,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        """Makes a service that does nothing until it is told of something.

        Args:
            base: the model was not trained on turns (see `inference.tasks.conversation`).
            defaults: for what neither thread, channel nor server have set.
            retention_days: how long what is said is kept where a server has not set it.
            clock: seconds that only grow, for limits and timings.
            on_outcome: is told of each request that is over and recorded.
        """
        self._store = store
        self._fetcher = fetcher
        self._intake = Intake(fetcher)
        self._limits = LimitKeeper(limits, clock)
        self._answerer = Answerer(store, engine, base=base)
        self._places = places = Places(store, defaults or ChannelSettings())
        self._runs = runs = Runs(store, self._answerer, self._limits, places.settings, clock, on_outcome)
        admission = Admission(store, runs, self._limits, now)
        receiver = Receiver(store, self._intake, places, admission, runs, now)
        self.receive, self.edited = receiver.receive, receiver.edited
        self.settings, self.resolved, self.words = places.settings, places.resolved, places.words
        self.steering = Steering(store, runs, admission, places)
        self.erasing = Eraser(store, self._intake, runs, self._answerer, retention_days, now)

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being answered."""
        return len(self._runs)

    @property
    def stalled_seconds(self) -> float:
        """For how long no answer has grown or ended although some are in flight."""
        return self._runs.stalled_seconds

    @property
    def line(self) -> list[Request]:
        """Those that wait for their first word, the next one first."""
        return self._runs.line

    async def stop(self, request_id: int) -> bool:
        """Ends a request, waiting or running, and keeps what there is of its answer; False if it is over."""
        return await self._runs.end(request_id, RequestState.STOPPED)

    async def settled(self, request_id: int) -> bool:
        """Whether the request is over and recorded; one that is just ending is waited for."""
        return await self._runs.settled(request_id)

    async def look_up_owed(self) -> None:
        """Has to be called before anything is received: what is owed then is from before the start.

        What comes in later may be owed at one moment and be over at the next.
        """
        self._runs.owed = {request.id: request for request, _ in await self._store.owed_requests()}

    async def resume(self, audience: Audience) -> int:
        """Answers what was owed to this audience when the program last ended; returns how many there are."""
        taken_up = 0
        for request in [one for one in self._runs.owed.values() if audience.serves(one.place)]:
            manner = await self._places.manner(request.place)
            # If it was asked anew meanwhile, that is what is answered.
            if self._runs.owed.pop(request.id, None) is not None:
                self._limits.take(request.asker.id, request.place.server_id)
                self._runs.add(replace(request, taken_up=True), audience, manner)
                taken_up += 1
        return taken_up

    async def close(self, grace: float) -> None:
        """Starts nothing more and gives what is under way `grace` seconds; the rest stays owed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._intake.drain(grace))
            group.create_task(self._runs.close(grace))

    def change(self, limits: Limits, defaults: ChannelSettings, retention_days: int) -> None:
        """From now on these count; see `__init__`."""
        self._limits.limits = limits
        self._places.defaults = defaults
        self.erasing.retention_days = retention_days

    async def fitting_examples(self, place: Place) -> tuple[list[Example], list[Example]]:
        """The examples that hold in a place: those that the model is shown, and those that are dropped."""
        return await self._answerer.examples(place, await self._places.settings(place))

    async def fetch_photo(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        """A picture that is no message's, such as an example's."""
        return await self._fetcher.fetch(offer)
