"""Requests in flight: from being accepted to the answer being recorded."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bot.conversation import notes
from bot.conversation.answering import Answer, Answerer, Manner, listed
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.limits import LimitKeeper
from bot.conversation.messages import Place
from bot.conversation.ports import Audience
from bot.conversation.requests import Outcome, Part, Request, RequestState
from bot.conversation.reviving import EngineDownError
from bot.conversation.showing import Showing
from bot.conversation.store import Store
from bot.conversation.threads import thread_name
from bot.languages.words import ENGLISH, Words
from inference.errors import InferenceError

log = logging.getLogger(__name__)

RETRY_AFTER_S = (1.0, 5.0, 30.0, 120.0)
"""Between the times that the end of an answer is tried to be shown, or recorded; then it is left owed."""

TELL_EVERY_S = 2.0
"""That there is no model at the moment."""


@dataclass(eq=False, slots=True)
class _Run:
    request: Request
    showing: Showing
    order: Order
    accepted_at: float
    notes: list[str]
    task: asyncio.Task[None] | None = None
    """None: it waits for the one before it in its place."""
    working: bool = False
    """The model is asked: what `end` interrupts."""
    finishing: bool = False
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Its end is not to be shown again if that has failed."""
    ended: RequestState | None = None
    """What it was made to end as; WAITING leaves it owed."""
    started_at: float = 0.0
    first_text_at: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """How a request is to be answered."""

    own: bool
    """Its place is a conversation with the bot: its questions are answered one after the other."""
    first: bool = True
    """It was not answered before: its answer may open a thread."""
    varied: bool = False
    """The answer should be another one than the last."""
    continued: tuple[Part, ...] = ()
    """The answer so far, which goes on."""
    words: Words = ENGLISH
    """Of what is said beside the answer."""


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
        self._store = store
        self._answerer = answerer
        self._limits = limits
        self._settings = settings
        self._clock = clock
        self._on_outcome = on_outcome
        self._moved_at = clock()
        """When an answer last grew or ended, or the first one of several was begun."""
        self._runs: dict[int, _Run] = {}
        self._silent: dict[int, _Run] = {}
        """Those without any text yet, in the order in which they came: the line, as far as people see it."""
        self._lines: dict[int, deque[_Run]] = {}
        """Place to its requests, the first of which is being answered."""
        self._closed = False

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def waiting(self) -> int:
        """How many have no text yet."""
        return len(self._silent)

    @property
    def stalled_seconds(self) -> float:
        """For how long no answer has grown or ended although there are some to be given."""
        return self._clock() - self._moved_at if self._runs else 0.0

    def has(self, request_id: int) -> bool:
        """The request is in flight."""
        return request_id in self._runs

    @property
    def line(self) -> list[Request]:
        """Those without any text yet, the next one first."""
        return [run.request for run in self._silent.values()]

    def add(self, request: Request, audience: Audience, order: Order) -> Request:
        """Answers the request as soon as it is its turn; after `close` has begun, it stays owed.

        Whoever puts it in flight has counted it with the limits; here it is released when it is over.
        """
        if self._closed:
            return request
        showing = Showing(audience.view(request, order.words))
        if not self._runs:
            self._moved_at = self._clock()
        run = _Run(request, showing, order, self._clock(), list(request.notes))
        run.text = listed([part.text for part in order.continued])
        self._runs[request.id] = self._silent[request.id] = run
        line = self._lines.setdefault(request.place.id, deque()) if order.own else None
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
        await asyncio.wait({self._ending(run, state)})
        return ends

    async def abandon(self, is_gone: Callable[[Place], bool]) -> None:
        """Ends the requests in places that are gone and leaves them owed: nothing can be shown there."""
        runs = [run for run in self._runs.values() if is_gone(run.request.place)]
        if runs:
            await asyncio.wait({self._ending(run, RequestState.WAITING) for run in runs})

    async def forget_of(self, person_id: int) -> None:
        """Ends the person's requests as FORGOTTEN."""
        runs = [run for run in self._runs.values() if run.request.asker.id == person_id]
        if runs:
            await asyncio.wait({self._ending(run, RequestState.FORGOTTEN) for run in runs})

    async def close(self, grace: float) -> None:
        """Starts nothing more; what still runs after `grace` seconds is left owed."""
        self._closed = True
        for run in self._runs.values():
            run.given_up.set()
            if run.task is None:
                run.ended = RequestState.WAITING
                self._start(run)
        tasks = {run.task for run in self._runs.values() if run.task is not None}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for run in self._runs.values():
            run.ended = RequestState.WAITING
        for task in late:
            task.cancel()
        if late:
            log.info("%d answers are left for the next start", len(late))
            await asyncio.wait(late)

    def _ending(self, run: _Run, state: RequestState) -> asyncio.Task[None]:
        if not run.finishing:
            run.ended = state
            if run.working and run.task is not None:
                run.task.cancel()
        elif state is not RequestState.STOPPED:
            run.given_up.set()
        return run.task or self._start(run)

    def _start(self, run: _Run) -> asyncio.Task[None]:
        run.task = asyncio.create_task(self._run(run), name=f"answer {run.request.id}")
        run.task.add_done_callback(lambda task: self._over(run, task))
        return run.task

    def _over(self, run: _Run, task: asyncio.Task[None]) -> None:
        self._moved_at = self._clock()
        del self._runs[run.request.id]
        self._silent.pop(run.request.id, None)
        self._limits.release(run.request.asker.id, run.request.place.server_id)
        if run.order.own:
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

    async def _run(self, run: _Run) -> None:
        try:
            outcome = await self._outcome(run)
            run.finishing = True
            if outcome is None:
                await run.showing.suspend()
                return
            # Shown first: if the program ends in between, it is shown again in the same place.
            if not await self._is_shown(run, outcome):
                log.error("The answer to %d is left for the next start", run.request.id)
                return
            if not await self._is_recorded(run, outcome):
                log.error("The answer to %d is shown, but is given anew at the next start", run.request.id)
                return
            self._on_outcome(outcome)
            await run.showing.recorded()
        except asyncio.CancelledError:
            await run.showing.suspend()
            raise

    async def _is_shown(self, run: _Run, outcome: Outcome) -> bool:
        """Shows the end of an answer, however often that takes; nobody shall be left with half of one."""

        async def show() -> bool:
            return await run.showing.finish(outcome) or outcome.state is RequestState.FORGOTTEN

        return await self._tried(run, show)

    async def _is_recorded(self, run: _Run, outcome: Outcome) -> bool:
        """Records it, however often that takes: the disk may be full for a while."""

        async def record() -> bool:
            try:
                await self._store.finish_request(run.request.id, outcome)
            except Exception:
                log.exception("The answer to %d could not be recorded", run.request.id)
                return False
            return True

        return await self._tried(run, record)

    async def _tried(self, run: _Run, step: Callable[[], Awaitable[bool]]) -> bool:
        for delay in RETRY_AFTER_S:
            if await step():
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(run.given_up.wait(), delay)
            if run.given_up.is_set():
                return False
        return await step()

    async def _outcome(self, run: _Run) -> Outcome | None:
        """How the request ends, None if it is left owed."""
        run.started_at = self._clock()
        try:
            run.working = True
            if run.ended is None:
                return await self._asked(run)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if run.ended is None or task is None:
                raise
            task.uncancel()
        except InferenceError as error:
            log.warning("Request %d: %s", run.request.id, error)
            run.notes.append(run.order.words.said(str(error)))
            return self._ended(run, RequestState.FAILED, error=str(error))
        except Exception as error:
            log.exception("Request %d failed", run.request.id)
            run.notes.append(run.order.words.said(notes.OUR_FAILURE))
            return self._ended(run, RequestState.FAILED, error=f"{type(error).__name__}: {error}")
        finally:
            run.working = False
        match run.ended:
            case RequestState.STOPPED:
                said = notes.STOPPED if run.text else notes.STOPPED_EARLY
                run.notes.append(run.order.words.said(said))
                return self._ended(run, RequestState.STOPPED)
            case RequestState.FORGOTTEN:
                return Outcome(RequestState.FORGOTTEN, "")
            case _:
                return None

    async def _asked(self, run: _Run) -> Outcome:
        request, order = run.request, run.order
        if request.failure is not None:
            return self._ended(run, RequestState.FAILED, error=request.failure)
        question = await self._store.message(request.question_id)
        if question is None:
            return Outcome(RequestState.FORGOTTEN, "")
        await self._store.start_request(request.id)
        settings = await self._settings(request.place)
        settings = settings if request.mode is None else replace(settings, mode=request.mode)

        def show(text: str) -> None:
            self._moved_at = self._clock()
            if run.first_text_at is None:
                run.first_text_at = self._clock()
                self._silent.pop(request.id, None)
                self._tell_places()
            run.text = text
            if settings.streaming:
                run.showing.update(text)

        manner = Manner(order.own, order.varied, order.continued, order.words)
        while True:
            try:
                answer = await self._answerer.answer(question, request.place, settings, show, manner)
                break
            except EngineDownError as error:
                log.warning("Request %d waits: %s", request.id, error)
                run.text = ""
                while not error.recovered.is_set():
                    # Again, as views skip what comes too soon after something else.
                    run.showing.update(order.words.said(notes.MODEL_DOWN))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(error.recovered.wait(), TELL_EVERY_S)
        run.text = answer.text
        if not answer.text:
            run.notes.append(order.words.said(notes.NO_ANSWER))
        name = None
        if order.first and answer.text:
            name = thread_name(request.place, settings, question.text, pictures=answer.about_pictures)
        return self._ended(run, RequestState.DONE, answer, thread_name=name)

    def _ended(
        self,
        run: _Run,
        state: RequestState,
        answer: Answer | None = None,
        *,
        error: str | None = None,
        thread_name: str | None = None,
    ) -> Outcome:
        replies = answer.replies if answer is not None else ()
        now = self._clock()
        return Outcome(
            state,
            run.text,
            token_ids=answer.token_ids if answer is not None else (),
            parts=answer.parts if answer is not None else (),
            mode=answer.mode if answer is not None else None,
            finish_reason=_finish_reason(answer.parts) if answer is not None else "",
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
            cached_tokens=sum(reply.cached_tokens for reply in replies),
            completion_tokens=sum(reply.completion_tokens for reply in replies),
            queued_seconds=run.started_at - run.accepted_at,
            first_token_seconds=(now if run.first_text_at is None else run.first_text_at) - run.started_at,
            total_seconds=now - run.started_at,
            error=error,
            notes=tuple(run.notes),
            thread_name=thread_name,
        )


def _finish_reason(parts: Sequence[Part]) -> str:
    """That of the whole: it ended by length if any part did."""
    reasons = {part.finish_reason for part in parts}
    return "length" if "length" in reasons else next(iter(sorted(reasons, reverse=True)), "")
