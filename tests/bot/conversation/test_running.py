"""Answers under way: in turn, stopped, failing, shown, ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.conversation import notes, run
from bot.conversation.messages import Person
from bot.conversation.requests import RequestState
from inference.errors import EngineError, QueueFullError
from tests.bot.conversation.chats import (
    BEN,
    CHANNEL,
    DIRECT,
    Clock,
    on_loop,
)
from tests.bot.conversation.scenes import scene


@on_loop
async def test_in_a_conversation_a_question_waits_for_the_answer_before_it(
    folder: Path, clock: Clock
) -> None:
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "One."], "Two.") as s:
        first = await s.receive(clock.message("first"))
        await s.engine.until_asked(1)
        second = await s.receive(clock.message("second"))
        assert len(s.engine.asked) == 1
        gate.set()
        view = await s.answered(second)
        assert s.engine.shown(1) == "User: first</u>\nAssistant:One.</u>\nUser: second</u>\nAssistant:"
        # The one before it is still without text and so is in line as well.
        assert view.named("waiting")[0] == 2
        assert s.chat.views[first.id].outcome.text == "One."


@on_loop
async def test_in_a_channel_questions_are_answered_at_the_same_time(folder: Path, clock: Clock) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    async with scene(folder, clock, *([gate, "Yes."] for gate in gates)) as s:
        requests = []
        for number in range(3):
            person = Person(50 + number, f"Person {number}")
            message = clock.message("well?", place=CHANNEL, author=person, mentions_bot=True)
            requests.append(await s.receive(message))
        await s.engine.until_asked(3)
        # Others' questions that are being answered are none of this one's business.
        assert {s.engine.shown(number) for number in range(3)} == {"User: well?</u>\nAssistant:"}
        gates[2].set()
        await s.answered(requests[2])
        gates[0].set()
        await s.answered(requests[0])
        gates[1].set()
        view = await s.answered(requests[1])
        assert view.named("waiting") == [2, 1]


@on_loop
async def test_a_slow_view_delays_nothing_and_gets_only_the_latest(folder: Path, clock: Clock) -> None:
    end = asyncio.Event()
    async with scene(folder, clock, ["One", " two", " three", " four", end, "."]) as s:
        s.chat.gate = asyncio.Event()
        request = await s.receive(clock.message("count"))
        view = s.chat.views[request.id]
        await s.engine.until_held(1)
        assert view.calls == [("update", "One")]
        s.chat.gate.set()
        await view.posted.wait()
        end.set()
        await s.answered(request)
        assert view.named("update")[:2] == ["One", "One two three four"]
        assert view.outcome.text == "One two three four."


@pytest.mark.parametrize("broken", ["waiting", "update", "finish"])
@on_loop
async def test_an_answer_that_cannot_be_shown_is_kept(
    folder: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0,))
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "One."], ["Two", " words."]) as s:
        s.chat.fail_at = broken
        await s.receive(clock.message("first"))
        request = await s.receive(clock.message("second"))
        gate.set()
        await s.answered(request)
        recorded = await s.store.outcome(request.id)
        assert recorded is not None
        assert recorded.text == "Two words."
        view = s.chat.views[request.id]
        assert view.calls[-1][0] == "finish"
        assert len([name for name, _ in view.calls if name == broken]) == (2 if broken == "finish" else 1)
        assert f"RuntimeError: {broken} broke" in caplog.text


@on_loop
async def test_who_deletes_or_ends_does_not_wait_for_what_cannot_be_shown(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER_S", (3600.0,))
    async with scene(folder, clock) as s:
        s.chat.fail_at, s.chat.failures = "finish", 2
        first = await s.receive(clock.message("which?"))
        second = await s.receive(clock.message("which?", author=BEN, place=CHANNEL, mentions_bot=True))
        for request in (first, second):
            while not s.chat.views[request.id].named("finish"):  # noqa: ASYNC110 (nothing tells it)
                await asyncio.sleep(0)
        await s.service.erasing.deleted(first.id)
        forgotten = await s.store.request_of_question(first.id)
        assert forgotten is not None
        assert forgotten.state is RequestState.FORGOTTEN
        await s.service.close(3600)
        assert [request.id for request, _ in await s.store.owed_requests()] == [second.id]


@on_loop
async def test_errors_are_said_in_a_sentence(
    folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [
        QueueFullError("{number} requests are waiting already: ask again in a moment.", number=1000),
        EngineError("The device failed: restart the program."),
        ["Half", ValueError("a bug")],
        "  ",
    ]
    async with scene(folder, clock, *answers) as s:
        for said in (
            "1,000 requests are waiting already: ask again in a moment.",
            notes.OUR_FAILURE,  # what to do about a device is for whoever runs the bot, and in the log
        ):
            view = await s.ask("one")
            assert (view.outcome.state, view.outcome.text, view.notes) == (RequestState.FAILED, "", [said])
        assert "The device failed: restart the program." in caplog.text
        view = await s.ask("two")
        assert (view.outcome.state, view.outcome.text) == (RequestState.FAILED, "Half")
        assert view.notes == [notes.OUR_FAILURE]
        assert view.outcome.error == "ValueError: a bug"
        assert "Traceback" in caplog.text
        assert "ValueError: a bug" in caplog.text
        view = await s.ask("three")
        assert (view.outcome.state, view.outcome.text) == (RequestState.DONE, "")
        assert view.notes == [notes.NO_ANSWER]


@on_loop
async def test_without_streaming_only_the_end_is_shown(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A long answer.") as s:
        await s.set(DIRECT, streaming=False)
        view = await s.ask("hello")
        assert [name for name, _ in view.calls] == ["finish"]


@on_loop
async def test_nobody_can_ask_on_before_the_answer_is_recorded(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("what is this?", "red", place=CHANNEL, mentions_bot=True)
        assert view.recorded_as == RequestState.DONE
