"""One request in flight: the model is asked, the answer is shown and recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bot.conversation import notes
from bot.conversation.answering import Answer, Answerer, Manner, listed
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.messages import Place
from bot.conversation.requests import Outcome, Part, Request, RequestState
from bot.conversation.reviving import EngineDownError
from bot.conversation.showing import Showing
from bot.conversation.store import Store
from bot.conversation.threads import thread_name
from inference.errors import InferenceError

log = logging.getLogger(__name__)

RETRY_AFTER_S = (1.0, 5.0, 30.0, 120.0)
"""Between the times that the end of an answer is tried to be shown, or recorded; then it is left owed."""

MOST_DEVICE_FAILURES = 2
"""On one question: the program is started anew each time, and it may be the question that does it."""
DEVICE_FAILS = "The model's device failed each time that this was being answered."

TELL_EVERY_S = 2.0
"""That there is no model at the moment."""


@dataclass(eq=False, slots=True)
class Run:
    """A request in flight, and how far it is."""

    request: Request
    manner: Manner
    showing: Showing
    clock: Callable[[], float]
    accepted_at: float = field(init=False)
    notes: list[str] = field(init=False)
    text: str = field(init=False)
    task: asyncio.Task[None] | None = None
    """None: it waits for the one before it in its place."""
    working: bool = False
    """The model is asked: what `interrupt` ends."""
    finishing: bool = False
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Its end is not to be shown again if that has failed."""
    ending: RequestState | None = None
    """What it was made to end as; WAITING leaves it owed."""
    started_at: float = 0.0
    first_text_at: float | None = None

    def __post_init__(self) -> None:
        self.accepted_at = self.clock()
        self.notes = list(self.request.notes)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Of its text there is what an earlier run of the same request left."""
        self.text = listed([part.text for part in self.manner.continued])

    def interrupt(self, state: RequestState) -> None:
        """Makes it end as STOPPED or FORGOTTEN, or with WAITING leaves it owed, unless its end is known."""
        if not self.finishing:
            self.ending = state
            if self.working and self.task is not None:
                self.task.cancel()
        elif state is not RequestState.STOPPED:
            self.given_up.set()

    def ended_as(
        self,
        state: RequestState,
        answer: Answer | None = None,
        *,
        error: str | None = None,
        thread_name: str | None = None,
    ) -> Outcome:
        """How it ended, with what it took until now."""
        replies = answer.replies if answer is not None else ()
        now = self.clock()
        return Outcome(
            state,
            self.text,
            token_ids=answer.token_ids if answer is not None else (),
            parts=answer.parts if answer is not None else (),
            mode=answer.mode if answer is not None else None,
            finish_reason=_finish_reason(answer.parts) if answer is not None else "",
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
            cached_tokens=sum(reply.cached_tokens for reply in replies),
            completion_tokens=sum(reply.completion_tokens for reply in replies),
            queued_seconds=self.started_at - self.accepted_at,
            first_token_seconds=(now if self.first_text_at is None else self.first_text_at) - self.started_at,
            total_seconds=now - self.started_at,
            error=error,
            notes=tuple(self.notes),
            thread_name=thread_name,
        )


class Runner:
    """Takes requests from being begun to being recorded."""

    def __init__(
        self,
        store: Store,
        answerer: Answerer,
        settings: Callable[[Place], Awaitable[ChannelSettings]],
        on_text: Callable[[Run], None],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        """`on_text`: is told whenever there is more of an answer; `on_outcome`: of each that is recorded."""
        self._store = store
        self._answerer = answerer
        self._settings = settings
        self._on_text = on_text
        self._on_outcome = on_outcome

    async def run(self, run: Run) -> None:
        """Returns when the request is over, or left owed."""
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

    async def _is_shown(self, run: Run, outcome: Outcome) -> bool:
        """Shows the end of an answer, however often that takes; nobody shall be left with half of one."""

        async def show() -> bool:
            return await run.showing.finish(outcome) or outcome.state is RequestState.FORGOTTEN

        return await self._tried(run, show)

    async def _is_recorded(self, run: Run, outcome: Outcome) -> bool:
        """Records it, however often that takes: the disk may be full for a while."""

        async def record() -> bool:
            try:
                await self._store.finish_request(run.request.id, outcome)
            except Exception:
                log.exception("The answer to %d could not be recorded", run.request.id)
                return False
            return True

        return await self._tried(run, record)

    async def _tried(self, run: Run, step: Callable[[], Awaitable[bool]]) -> bool:
        for delay in RETRY_AFTER_S:
            if await step():
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(run.given_up.wait(), delay)
            if run.given_up.is_set():
                return False
        return await step()

    async def _outcome(self, run: Run) -> Outcome | None:
        """How the request ends, None if it is left owed."""
        run.started_at = run.clock()
        try:
            run.working = True
            if run.ending is None:
                return await self._asked(run)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if run.ending is None or task is None:
                raise
            task.uncancel()
        except InferenceError as error:
            log.warning("Request %d: %s", run.request.id, error)
            run.notes.append(run.manner.words.said(notes.about_error(error)))
            return run.ended_as(RequestState.FAILED, error=str(error))
        except Exception as error:
            log.exception("Request %d failed", run.request.id)
            run.notes.append(run.manner.words.said(notes.OUR_FAILURE))
            return run.ended_as(RequestState.FAILED, error=f"{type(error).__name__}: {error}")
        finally:
            run.working = False
        match run.ending:
            case RequestState.STOPPED:
                said = notes.STOPPED if run.text else notes.STOPPED_EARLY
                run.notes.append(run.manner.words.said(said))
                return run.ended_as(RequestState.STOPPED)
            case RequestState.FORGOTTEN:
                return Outcome(RequestState.FORGOTTEN, "")
            case _:
                return None

    async def _asked(self, run: Run) -> Outcome:
        request, manner = run.request, run.manner
        if request.failure is not None:
            return run.ended_as(RequestState.FAILED, error=request.failure)
        question = await self._store.message(request.id)
        if question is None:
            return Outcome(RequestState.FORGOTTEN, "")
        if request.device_failures >= MOST_DEVICE_FAILURES:
            run.notes.append(manner.words.said(notes.OUR_FAILURE))
            return run.ended_as(RequestState.FAILED, error=DEVICE_FAILS)
        await self._store.start_request(request.id)
        settings = await self._settings(request.place)
        settings = settings if request.mode is None else replace(settings, mode=request.mode)

        def show(text: str) -> None:
            if run.first_text_at is None:
                run.first_text_at = run.clock()
            run.text = text
            self._on_text(run)
            if settings.streaming:
                run.showing.update(text)

        while True:
            try:
                answer = await self._answerer.answer(question, request.place, settings, show, manner)
                break
            except EngineDownError as error:
                log.warning("Request %d waits: %s", request.id, error)
                if error.device_failed:
                    # The program is about to end, and this task with it.
                    await asyncio.shield(self._store.count_device_failure(request.id))
                run.begin_anew()
                while not error.recovered.is_set():
                    # Again, as views skip what comes too soon after something else.
                    run.showing.update(manner.words.said(notes.MODEL_DOWN))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(error.recovered.wait(), TELL_EVERY_S)
        run.text = answer.text
        if not answer.text:
            run.notes.append(manner.words.said(notes.NO_ANSWER))
        name = None
        if manner.first and answer.text:
            name = thread_name(
                request.place,
                settings,
                question.text,
                pictures=answer.about_pictures,
                words=manner.words,
            )
        return run.ended_as(RequestState.DONE, answer, thread_name=name)


def _finish_reason(parts: Sequence[Part]) -> str:
    """That of the whole: it ended by length if any part did."""
    reasons = {part.finish_reason for part in parts}
    return "length" if "length" in reasons else next(iter(sorted(reasons, reverse=True)), "")
