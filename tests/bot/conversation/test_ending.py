"""How requests end before they are answered: stopped, deleted, left for the next start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.conversation import notes, run
from bot.conversation.messages import Message, Person, Place, PlaceKind
from bot.conversation.requests import Request, RequestState
from bot.store.repository import SqlStore
from tests.bot.conversation.chats import (
    BEN,
    CHANNEL,
    THREAD,
    Clock,
    on_loop,
)
from tests.bot.conversation.scenes import scene


@pytest.mark.parametrize("gone", ["thread", "channel", "server"])
@on_loop
async def test_what_runs_in_a_place_that_is_deleted_ends(folder: Path, clock: Clock, gone: str) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, ["Other", never], ["Half", never], ["Not this", never]) as s:
        elsewhere = await s.receive(clock.message("hello", author=BEN))
        opening = clock.message("what?", place=CHANNEL, mentions_bot=True, author=Person(3, "Cleo"))
        request = await s.store.open_request(opening, [])
        assert request is not None
        await s.store.adopt_thread(THREAD, request.id)
        await s.engine.until_asked(1)
        running = await s.receive(clock.message("tell me", "blue", place=THREAD))
        waiting = await s.receive(clock.message("and this?", place=THREAD))
        await s.engine.until_held(2)
        s.pictures.gates["red"] = asyncio.Event()
        fetching = asyncio.create_task(
            s.service.receive(clock.message("and this?", "red", place=THREAD, author=BEN), s.chat)
        )
        await s.pictures.held.wait()

        deletion = {
            "thread": s.service.erasing.place_deleted(THREAD.id),
            "channel": s.service.erasing.place_deleted(CHANNEL.id),
            "server": s.service.erasing.server_left(THREAD.server_id or 0),
        }
        work = deletion.pop(gone)
        for other in deletion.values():
            other.close()
        deleted = asyncio.create_task(work)
        await asyncio.sleep(0)
        s.pictures.gates["red"].set()
        await deleted
        assert await fetching is None
        assert s.engine.cancelled == 1
        assert len(s.engine.asked) == 2
        for ended in (running, waiting):
            assert s.chat.views[ended.id].calls[-1][0] == "suspend"
            assert await s.store.request_of_question(ended.id) is None
        assert await s.store.history(THREAD, 2**62, 10) == []
        assert s.service.in_flight == 1
        assert elsewhere.id in s.chat.views


@on_loop
async def test_an_answer_whose_end_cannot_be_shown_is_owed(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0, 0.0))
    async with scene(folder, clock, "Red.", "Blue.") as s:
        s.chat.fail_at, s.chat.failures = "finish", 3
        view = await s.ask("which?", "red")
        assert len(view.named("finish")) == 3
        assert [request.id for request, _ in await s.store.owed_requests()] == [view.request.id]
        assert s.service.in_flight == 0

    async with scene(folder, clock, "Red.") as s:
        assert await s.service.resume(s.chat) == 1
        again = await s.answered(view.request)
        assert again.outcome.text == "Red."
        assert await s.store.owed_requests() == []


@on_loop
async def test_stop_while_it_runs_keeps_what_there_is(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, ["A long", " story", never, " without end."]) as s:
        request = await s.receive(clock.message("tell me"))
        await s.engine.until_held(1)
        assert await s.service.stop(request.id)
        view = s.chat.views[request.id]
        assert (view.outcome.state, view.outcome.text) == (RequestState.STOPPED, "A long story")
        assert view.notes == [notes.STOPPED]
        assert s.engine.cancelled == 1
        assert not await s.service.stop(request.id)
        # It is part of the conversation.
        await s.ask("go on")
        assert "Assistant: A long story</u>\nUser: go on" in s.engine.shown(1)


@on_loop
async def test_stop_while_it_waits(folder: Path, clock: Clock) -> None:
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "One."], "Three.") as s:
        first = await s.receive(clock.message("first"))
        second = await s.receive(clock.message("second"))
        third = await s.receive(clock.message("third"))
        assert await s.service.stop(second.id)
        view = s.chat.views[second.id]
        assert (view.outcome.state, view.outcome.text) == (RequestState.STOPPED, "")
        assert view.notes == [notes.STOPPED_EARLY]
        gate.set()
        await s.answered(first)
        assert (await s.answered(third)).outcome.text == "Three."
        assert len(s.engine.asked) == 2


@on_loop
async def test_a_deleted_question_takes_its_answer_along(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, "Red.", ["Bl", never], "Hello.") as s:
        view = await s.ask("which?", "red")
        running = await s.receive(clock.message("and this?", "blue"))
        await s.engine.until_asked(2)
        await s.service.erasing.deleted(running.id)
        assert s.chat.views[running.id].outcome.state is RequestState.FORGOTTEN
        assert s.engine.cancelled == 1
        await s.service.erasing.deleted(view.request.id)
        await s.ask("hello")
        assert s.engine.shown(2) == "User: hello</u>\nAssistant:"
        assert await s.service.steering.regenerate(running.id, s.chat) is None


@on_loop
async def test_a_deleted_answer_ends_and_is_forgotten(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "Red.", "Hello.") as s:
        view = await s.ask("which?", "red")
        await s.service.erasing.deleted(view.answer_ids[0])
        await s.ask("hello")
        assert "Red." not in s.engine.shown(1)


@on_loop
async def test_what_is_owed_is_answered_after_a_restart(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, ["A hou", never], ["In line", never]) as s:
        running = await s.receive(clock.message("what is this?", "red"))
        waiting = await s.receive(clock.message("and why?"))
        await s.chat.views[running.id].posted.wait()
        await s.service.close(0)
        assert s.chat.views[running.id].calls[-1][0] == "suspend"
        assert s.chat.views[waiting.id].calls[-1][0] == "suspend"
        shown_in = s.chat.views[running.id].answer_ids
        # While it ends, it accepts but does not start anything.
        late = await s.receive(clock.message("still there?"))
        assert late.id not in s.chat.views

    async with scene(folder, clock, "A house.", "Because.", "Yes.") as s:
        assert await s.service.resume(s.chat) == 3
        for request, text in ((running, "A house."), (waiting, "Because."), (late, "Yes.")):
            assert (await s.answered(request)).outcome.text == text
        assert s.chat.views[running.id].answer_ids == shown_in
        assert "User: and why?" in s.engine.shown(1)
        assert "Assistant:A house.</u>" in s.engine.shown(1)
        assert await s.service.resume(s.chat) == 0


@on_loop
async def test_what_is_asked_and_answered_before_the_rest_is_taken_up_is_not_answered_again(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an end of the program at that time would leave its message half written, and nobody would know."""
    held = asyncio.Event()
    async with scene(folder, clock, ["Never", asyncio.Event()]) as s:
        old = await s.receive(clock.message("before?"))
        await s.engine.until_asked(1)
        await s.service.close(0)

    async with scene(folder, clock, [held, "Now."], "Before.") as s:
        live = await s.receive(clock.message("now?", place=CHANNEL, mentions_bot=True))
        await s.engine.until_asked(1)
        owed = await s.store.owed_requests()
        assert [request.id for request, _ in owed] == [old.id, live.id]

        async def outdated(_: SqlStore) -> list[tuple[Request, Message]]:
            held.set()
            await s.answered(live)
            return owed

        monkeypatch.setattr(SqlStore, "owed_requests", outdated)
        assert await s.service.resume(s.chat) == 1
        held.set()
        for request, text in ((live, "Now."), (old, "Before.")):
            assert (await s.answered(request)).outcome.text == text
        await s.service.close(1)
        assert len(s.engine.asked) == 2


@on_loop
async def test_close_lets_what_runs_finish(folder: Path, clock: Clock) -> None:
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "Done."]) as s:
        request = await s.receive(clock.message("finish this"))
        await s.engine.until_asked(1)
        closing = asyncio.create_task(s.service.close(30))
        await asyncio.sleep(0)
        gate.set()
        await closing
        assert s.chat.views[request.id].outcome.text == "Done."
        recorded = await s.store.outcome(request.id)
        assert recorded is not None
        assert recorded.state is RequestState.DONE


@on_loop
async def test_close_begins_nothing_that_waits(folder: Path, clock: Clock) -> None:
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "Done."]) as s:
        running = await s.receive(clock.message("finish this"))
        waiting = await s.receive(clock.message("and this"))
        await s.engine.until_asked(1)
        closing = asyncio.create_task(s.service.close(30))
        await s.chat.views[waiting.id].finished.wait()
        gate.set()
        await closing
        assert s.chat.views[running.id].outcome.text == "Done."
        assert s.chat.views[waiting.id].calls[-1][0] == "suspend"
        assert [request.id for request, _ in await s.store.owed_requests()] == [waiting.id]
        assert len(s.engine.asked) == 1


@on_loop
async def test_owed_in_another_chat(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("hello", place=Place(7, PlaceKind.WEB))
        await s.store.open_request(message, ())
        await s.service.look_up_owed()
        assert await s.service.resume(s.chat) == 0
