"""All requests in flight: which is answered when, and how they are ended."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from bot.conversation.answering import Answerer, Manner
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.limits import LimitKeeper
from bot.conversation.messages import Place
from bot.conversation.ports import Audience
from bot.conversation.requests import Outcome, Request, RequestState
from bot.conversation.run import Run, Runner
from bot.conversation.showing import Showing
from bot.conversation.store import Store

log = logging.getLogger(__name__)

SETTLING_S = 5.0
"""In which an answer whose end is being shown is recorded, unless something is wrong."""


class Runs:
    """Answers requests, each in a task of its own that ends with it."""

    def __init__(
        self,
        store: Store,
        answerer: Answerer,
        limits: LimitKeeper,
        settings: Callable[[Place], Awaitable[ChannelSettings]],
        clock: Callable[[], float],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._runner = Runner(store, answerer, settings, self._grown, on_outcome)
        self._limits = limits
        self._clock = clock
        self._moved_at = clock()
        """When an answer last grew or ended, or the first one of several was begun."""
        self._runs: dict[int, Run] = {}
        self._silent: dict[int, Run] = {}
        """Those without any text yet, in the order in which they came: the line, as far as people see it."""
        self._lines: dict[int, deque[Run]] = {}
        """Place to its requests, the first of which is being answered."""
        self.owed: dict[int, Request] = {}
        """From before the start, and not in flight since."""
        self._closed = False

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def line(self) -> list[Request]:
        """Those without any text yet, the next one first."""
        return [run.request for run in self._silent.values()]

    @property
    def stalled_seconds(self) -> float:
        """For how long no answer has grown or ended although there are some to be given."""
        return self._clock() - self._moved_at if self._runs else 0.0

    def has(self, request_id: int) -> bool:
        """The request is in flight."""
        return request_id in self._runs

    async def settled(self, request_id: int) -> bool:
        """Whether the request is over; one that is just ending is waited for.

        Whoever sees the end of an answer may act on it before it is recorded.
        """
        run = self._runs.get(request_id)
        if run is not None and run.finishing and run.task is not None:
            await asyncio.wait({run.task}, timeout=SETTLING_S)
        return not self.has(request_id)

    def add(self, request: Request, audience: Audience, manner: Manner) -> Request:
        """Answers the request as soon as it is its turn; after `close` has begun, it stays owed.

        Whoever puts it in flight has counted it with the limits; here it is released when it is over.
        """
        self.owed.pop(request.id, None)
        if self._closed:
            return request
        if not self._runs:
            self._moved_at = self._clock()
        run = Run(request, manner, Showing(audience.view(request, manner.words)), self._clock)
        self._runs[request.id] = self._silent[request.id] = run
        line = self._lines.setdefault(request.place.id, deque()) if manner.own else None
        if line is not None:
            line.append(run)
        if line is None or len(line) == 1:
            self._start(run)
        self._tell_places()
        return request

    async def end(self, request_id: int, state: RequestState) -> bool:
        """Makes a request end as STOPPED or FORGOTTEN, or with WAITING leaves it owed.

        Returns, once it is out of flight, whether it was not over by itself.
        """
        run = self._runs.get(request_id)
        if run is None:
            return False
        ends = not run.finishing
        await self._end_all([run], state)
        return ends

    async def abandon(self, is_gone: Callable[[Place], bool]) -> None:
        """Ends the requests in places that are gone and leaves them owed: nothing can be shown there."""
        gone = [run for run in self._runs.values() if is_gone(run.request.place)]
        await self._end_all(gone, RequestState.WAITING)

    async def forget_of(self, person_id: int) -> None:
        """Ends the person's requests as FORGOTTEN."""
        own = [run for run in self._runs.values() if run.request.asker.id == person_id]
        await self._end_all(own, RequestState.FORGOTTEN)

    async def close(self, grace: float) -> None:
        """Starts nothing more; what still runs after `grace` seconds is left owed."""
        self._closed = True
        for run in self._runs.values():
            run.given_up.set()
            if run.task is None:
                run.ending = RequestState.WAITING
                self._start(run)
        tasks = {run.task for run in self._runs.values() if run.task is not None}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for run in self._runs.values():
            run.ending = RequestState.WAITING
        for task in late:
            task.cancel()
        if late:
            log.info("%d answers are left for the next start", len(late))
            await asyncio.wait(late)

    async def _end_all(self, runs: list[Run], state: RequestState) -> None:
        for run in runs:
            run.interrupt(state)
        if tasks := {run.task or self._start(run) for run in runs}:
            await asyncio.wait(tasks)

    def _start(self, run: Run) -> asyncio.Task[None]:
        run.task = asyncio.create_task(self._runner.run(run), name=f"answer {run.request.id}")
        run.task.add_done_callback(lambda task: self._over(run, task))
        return run.task

    def _grown(self, run: Run) -> None:
        self._moved_at = self._clock()
        if self._silent.pop(run.request.id, None) is not None:
            self._tell_places()

    def _over(self, run: Run, task: asyncio.Task[None]) -> None:
        self._moved_at = self._clock()
        del self._runs[run.request.id]
        self._silent.pop(run.request.id, None)
        self._limits.release(run.request.asker.id, run.request.place.server_id)
        if run.manner.own:
            line = self._lines[run.request.place.id]
            was_first = line[0] is run
            line.remove(run)
            if not line:
                del self._lines[run.request.place.id]
            elif was_first and line[0].task is None:
                self._start(line[0])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Answering %d failed; it is still owed", run.request.id, exc_info=error)
        self._tell_places()

    def _tell_places(self) -> None:
        if len(self._runs) > 1:
            for place_in_line, run in enumerate(self._silent.values(), 1):
                run.showing.waiting(place_in_line)
