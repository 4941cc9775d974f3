"""The way of one message, with a real store; the model is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.conversation import notes, run
from bot.conversation.channel_settings import ChannelSettings, History, Mode, Threads, Trigger
from bot.conversation.limits import Limits
from bot.conversation.messages import Message, Origin, Person, Place, PlaceKind, Scope
from bot.conversation.requests import Refusal, Request, RequestState
from bot.conversation.service import ReplyService
from bot.store.repository import SqlStore
from inference.errors import EngineError, QueueFullError
from tests.bot.conversation.chats import (
    ANNA,
    BEN,
    BOT,
    CHANNEL,
    DIRECT,
    THREAD,
    Chat,
    Clock,
    Pictures,
    View,
    on_loop,
    open_store,
)
from tests.fake_engine import FakeEngine, Script


@dataclass
class Scene:
    store: SqlStore
    engine: FakeEngine
    pictures: Pictures
    chat: Chat
    service: ReplyService
    clock: Clock

    async def ask(self, text: str = "", *pictures: str, **about: Any) -> View:
        """Posts a message that is answered; returns the view when the answer is shown and recorded."""
        request = await self.receive(self.clock.message(text, *pictures, **about))
        return await self.answered(request)

    async def receive(self, message: Message) -> Request:
        request = await self.service.receive(message, self.chat)
        assert isinstance(request, Request), request
        return request

    async def answered(self, request: Request) -> View:
        view = self.chat.views[request.id]
        await view.finished.wait()
        await self.over(request)
        return view

    async def over(self, request: Request) -> None:
        await self.service.stop(request.id)  # waits where it is being recorded

    async def set(self, place: Place, **settings: Any) -> None:
        await self.store.change_settings(Scope(place.id), ChannelSettings(**settings))


@asynccontextmanager
async def scene(
    folder: Path,
    clock: Clock,
    *answers: Script,
    limits: Limits | None = None,
    **engine: Any,
) -> AsyncIterator[Scene]:
    async with open_store(folder) as store:
        fake = FakeEngine(*answers, **engine)
        pictures = Pictures()
        service = ReplyService(store, pictures, fake, limits or Limits(), clock=clock, now=clock.now)
        await service.look_up_owed()
        chat = Chat(store, clock)
        yield Scene(store, fake, pictures, chat, service, clock)
        await service.close(0)
        assert not any(view.overlapped for view in chat.views.values())


@on_loop
async def test_a_mention_with_a_photo_is_answered_and_opens_a_thread(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A red square.", "It is red.") as s:
        view = await s.ask("what is this?", "red", place=CHANNEL, mentions_bot=True)
        assert s.engine.shown(0) == "User:[red]what is this?</u>\nAssistant:"
        assert view.outcome.state is RequestState.DONE
        assert view.outcome.text == "A red square."
        assert view.outcome.thread_name == "what is this?"
        assert view.notes == []
        # What is shown grows, and every text is the beginning of the answer.
        assert all("A red square.".startswith(text) for text in view.named("update"))

        await s.store.adopt_thread(THREAD, view.request.id)
        view = await s.ask("which colour?", place=THREAD)
        assert s.engine.shown(1) == (
            "User:[red]what is this?</u>\nAssistant:A red square.</u>\nUser: which colour?</u>\nAssistant:"
        )
        assert view.outcome.text == "It is red."
        assert view.outcome.thread_name is None


@on_loop
async def test_the_engine_is_told_who_asks(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "One.", "Two.", "Three.") as s:
        await s.ask("what?", place=CHANNEL, mentions_bot=True)
        await s.ask("what?", place=DIRECT)
        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=("one", "two"))
        await s.ask("", "red", place=DIRECT, author=BEN)
        assert s.engine.asked_by == [(10, ANNA.id), (None, ANNA.id), (None, BEN.id)]


@on_loop
async def test_what_is_recorded_says_how_it_went(folder: Path, clock: Clock) -> None:
    gate = asyncio.Event()
    async with scene(folder, clock, [gate, "A ", "house."]) as s:
        request = await s.receive(clock.message("hello"))
        await s.engine.until_asked(1)
        under_way = await s.store.request_of_question(request.id)
        assert under_way is not None
        assert under_way.state is RequestState.RUNNING
        clock.passes(seconds=2)
        gate.set()
        view = await s.answered(request)
        recorded = await s.store.outcome(request.id)
        assert recorded is not None
        assert recorded == replace(view.outcome, thread_name=None)
        assert (recorded.finish_reason, recorded.completion_tokens) == ("stop", 2)
        assert recorded.prompt_tokens == s.engine.count_tokens(s.engine.asked[0][0])
        assert (recorded.first_token_seconds, recorded.total_seconds) == (2.0, 2.0)
        answer = await s.store.message(view.answer_ids[0])
        assert answer is not None
        assert (answer.text, answer.token_ids) == ("A house.", view.outcome.token_ids)


@on_loop
async def test_a_message_is_answered_once_however_often_it_comes(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("hello", "red")
        first, second = await asyncio.gather(
            s.service.receive(message, s.chat), s.service.receive(message, s.chat)
        )
        assert isinstance(first, Request)
        assert second is None
        await s.answered(first)
        assert await s.service.receive(message, s.chat) is None
        assert len(s.engine.asked) == 1


@on_loop
async def test_others_than_people_are_never_answered(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        for origin in set(Origin) - {Origin.PERSON}:
            message = clock.message("hello", mentions_bot=True, origin=origin)
            assert await s.service.receive(message, s.chat) is None
            assert await s.store.message(message.id) is None


@on_loop
async def test_where_only_what_is_said_to_the_bot_counts_nothing_else_is_kept(
    folder: Path, clock: Clock
) -> None:
    async with scene(folder, clock) as s:
        overheard = clock.message("just talking", "blue", place=CHANNEL, author=BEN)
        assert await s.service.receive(overheard, s.chat) is None
        assert await s.store.message(overheard.id) is None
        assert s.pictures.fetched == []

        # All counts only from the first question on.
        await s.set(CHANNEL, history=History.ALL)
        await s.service.receive(overheard, s.chat)
        assert await s.store.message(overheard.id) is None
        await s.ask("hello", place=CHANNEL, mentions_bot=True)
        later = clock.message("just talking", "blue", place=CHANNEL, author=BEN)
        await s.service.receive(later, s.chat)
        await s.ask("what did Ben say?", place=CHANNEL, mentions_bot=True)
        assert s.engine.shown(1).endswith(
            "User: Ben:[blue]just talking\nAnna: what did Ben say?</u>\nAssistant:"
        )


@on_loop
async def test_the_first_question_brings_what_was_said_before(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, limits=Limits(in_flight_per_person=2)) as s:
        await s.set(CHANNEL, history=History.ALL)
        said = [clock.message(name, name, place=CHANNEL, author=BEN) for name in ("red", "blue", "green")]
        bots = clock.message("beep", place=CHANNEL, author=BOT, origin=Origin.BOT)
        gates = [s.pictures.gates.setdefault(name, asyncio.Event()) for name in ("red", "blue", "green")]
        reads = 0

        async def earlier() -> list[Message]:
            nonlocal reads
            reads += 1
            return [bots, *reversed(said)]

        async def receive(text: str, person: Person = ANNA) -> Request | Refusal | None:
            question = clock.message(text, place=CHANNEL, author=person, mentions_bot=True)
            return await s.service.receive(question, s.chat, earlier=earlier)

        first = asyncio.create_task(receive("what was that?"))
        await s.pictures.until_fetched(3)  # at the same time: none of them has come yet
        second = asyncio.create_task(receive("and that?"))
        deleted = asyncio.create_task(s.service.erasing.deleted(said[1].id))
        # What is read back does not hide that a message comes by itself.
        late = asyncio.create_task(s.service.receive(replace(said[2], mentions_bot=True), s.chat))
        await asyncio.sleep(0)
        assert s.engine.asked == []
        for gate in gates:
            gate.set()
        for task in (first, second, late):
            request = await task
            assert isinstance(request, Request)
            await s.answered(request)
        await deleted
        prompts = [s.engine.shown(number) for number in range(3)]
        assert "User: Ben:[red]red\nBen:[green]green\nAnna: what was that?</u>\nAssistant:" in prompts
        assert not any("blue" in prompt or "beep" in prompt for prompt in prompts)
        assert reads == 1


@on_loop
async def test_nothing_is_read_back_for_who_is_refused(folder: Path, clock: Clock) -> None:
    async def earlier() -> list[Message]:
        raise AssertionError("nobody needs it")

    async with scene(folder, clock, [asyncio.Event()], limits=Limits(in_flight_per_person=1)) as s:
        await s.set(CHANNEL, history=History.ALL)
        await s.receive(clock.message("hello"))
        question = clock.message("what was that?", place=CHANNEL, mentions_bot=True)
        assert isinstance(await s.service.receive(question, s.chat, earlier=earlier), Refusal)


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
async def test_a_question_does_not_overtake_the_picture_before_it(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        gate = s.pictures.gates["red"] = asyncio.Event()
        picture = asyncio.create_task(s.service.receive(clock.message("look", "red"), s.chat))
        await s.pictures.held.wait()
        question = asyncio.create_task(s.service.receive(clock.message("which colour?"), s.chat))
        await s.ask("meanwhile", place=CHANNEL, mentions_bot=True)
        assert not question.done()
        gate.set()
        await picture
        request = await question
        assert isinstance(request, Request)
        await s.answered(request)
        assert s.engine.shown(2) == (
            "User:[red]look</u>\nAssistant:Answer 2.</u>\nUser: which colour?</u>\nAssistant:"
        )


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
async def test_bad_pictures_beside_good_ones(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("what are these?", "red", "broken", "blue")
        assert [s.engine.shown(number) for number in range(2)] == [
            f"User:[{colour}]what are these?</u>\nAssistant:" for colour in ("red", "blue")
        ]
        assert len(view.notes) == 1
        assert view.notes[0].startswith("I could not use broken.png. This is not a picture")

        view = await s.ask("what are these?", *["red"] * 12)
        assert len(s.engine.asked) == 2 + 10
        assert view.outcome.text.splitlines()[-1] == "10. Answer 12."
        assert view.notes == ["I looked at the first 10 pictures only."]


@on_loop
async def test_a_question_about_an_unusable_picture_is_not_answered_about_another(
    folder: Path, clock: Clock
) -> None:
    async with scene(folder, clock) as s:
        await s.ask("what is this?", "red")
        view = await s.ask("and this?", "broken")
        assert view.outcome.state is RequestState.FAILED
        assert len(view.notes) == 1
        assert len(s.engine.asked) == 1


@on_loop
async def test_what_was_skipped_is_said_after_a_restart_too(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, ["A", never], ["B", never], ["C", never]) as s:
        some = await s.receive(clock.message("what are these?", "red", "broken"))
        none = await s.receive(clock.message("and this?", "broken"))
        told = clock.message("well?")
        result = await s.service.receive(told, s.chat, notes=["I cannot see that."])
        assert isinstance(result, Request)
        await s.service.close(0)

    async with scene(folder, clock, "Red.", "Well.") as s:
        assert await s.service.resume(s.chat) == 3
        view = await s.answered(some)
        assert view.outcome.text == "Red."
        assert [note.partition(". ")[0] for note in view.notes] == ["I could not use broken.png"]
        view = await s.answered(none)
        assert view.outcome.state is RequestState.FAILED
        assert [note.partition(". ")[0] for note in view.notes] == ["I could not use broken.png"]
        assert (await s.answered(result)).notes == ["I cannot see that."]
        assert len(s.engine.asked) == 2


@on_loop
async def test_a_message_that_says_nothing(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("  \n ", place=CHANNEL, mentions_bot=True)
        assert await s.service.receive(message, s.chat) == Refusal(notes.NOTHING_SAID)
        await s.set(CHANNEL, trigger=Trigger.EVERY_MESSAGE)
        assert await s.service.receive(clock.message(" ", place=CHANNEL), s.chat) is None
        # A picture needs no words.
        await s.ask("", "red", place=CHANNEL)
        assert s.engine.shown(0) == "User:[red]What is in this image?</u>\nAssistant:"


@on_loop
async def test_a_reply_to_a_photo_of_somebody(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        photo = clock.message("my new wall", "blue", place=CHANNEL, author=BEN)
        clock.passes(days=3)
        view = await s.ask("what is this?", place=CHANNEL, mentions_bot=True, reply_to=photo)
        assert s.engine.shown(0) == ("User: Ben:[blue]my new wall\nAnna: what is this?</u>\nAssistant:")
        assert view.outcome.thread_name == "what is this?"
        # The thread knows the picture too.
        await s.store.adopt_thread(THREAD, view.request.id)
        await s.ask("why?", place=THREAD)
        assert s.engine.shown(1).startswith(s.engine.shown(0))


@on_loop
async def test_every_picture_means_pictures(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, trigger=Trigger.EVERY_PICTURE, mode=Mode.CAPTION)
        assert await s.service.receive(clock.message("a file", "broken", place=CHANNEL), s.chat) is None
        assert await s.service.receive(clock.message("hello", place=CHANNEL), s.chat) is None
        await s.ask("look", "red", place=CHANNEL)
        assert s.engine.shown(0) == "[red]"


@on_loop
async def test_limits_are_said_and_end(folder: Path, clock: Clock) -> None:
    gates = [asyncio.Event() for _ in range(4)]
    limits = Limits(in_flight_per_person=2, per_minute_per_person=3, in_flight_per_server=3)
    async with scene(folder, clock, *([gate, "Yes."] for gate in gates), limits=limits) as s:

        async def ask(person: Person) -> Request | Refusal | None:
            message = clock.message("well?", place=CHANNEL, author=person, mentions_bot=True)
            return await s.service.receive(message, s.chat)

        first, second = await ask(ANNA), await ask(ANNA)
        refused = await ask(ANNA)
        assert isinstance(refused, Refusal)
        assert "2 questions waiting" in refused.sentence
        third = await ask(BEN)
        refused = await ask(Person(3, "Cleo"))
        assert isinstance(refused, Refusal)
        assert "of this server" in refused.sentence
        for gate in gates:
            gate.set()
        for request in (first, second, third):
            assert isinstance(request, Request)
            await s.answered(request)
        fourth = await ask(ANNA)
        assert isinstance(fourth, Request)
        await s.answered(fourth)
        refused = await ask(ANNA)
        assert isinstance(refused, Refusal)
        assert "ask again in 60 seconds" in refused.sentence
        clock.passes(seconds=61)
        assert isinstance(await ask(ANNA), Request)


@on_loop
async def test_what_comes_to_nothing_is_not_in_flight(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, limits=Limits(in_flight_per_person=1)) as s:
        await s.set(CHANNEL, trigger=Trigger.EVERY_PICTURE)
        for _ in range(3):
            assert await s.service.receive(clock.message("a file", "broken", place=CHANNEL), s.chat) is None
        await s.ask("look", "red", place=CHANNEL)


@on_loop
async def test_regenerate_answers_again_and_differently(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "Red.", "Scarlet.", "Thanks.") as s:
        view = await s.ask("which?", "red", place=CHANNEL, mentions_bot=True)
        again = await s.service.steering.regenerate(view.request.id, s.chat)
        assert isinstance(again, Request)
        assert again.answer_ids == tuple(view.answer_ids)
        second = await s.answered(again)
        assert second.outcome.text == "Scarlet."
        assert second.outcome.thread_name is None
        assert s.engine.shown(1) == s.engine.shown(0)
        assert [options.temperature for _, options in s.engine.asked] == [0.0, 0.7]
        await s.ask("thanks", place=CHANNEL, mentions_bot=True)
        assert "Assistant:Scarlet.</u>" in s.engine.shown(2)
        assert "Red." not in s.engine.shown(2)


@on_loop
async def test_regenerate_pressed_twice(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("which?", "red")
        pressed = [s.service.steering.regenerate(view.request.id, s.chat) for _ in range(2)]
        first, second = await asyncio.gather(*pressed)
        request = first or second
        assert isinstance(request, Request)
        await s.answered(request)
        assert len(s.engine.asked) == 2
        assert await s.service.steering.regenerate(12345, s.chat) is None


@on_loop
async def test_an_edited_question_is_answered_anew(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("what is thsi?", "red")
        request = await s.receive(message)
        await s.answered(request)
        # Discord says the same again when it has new links.
        assert await s.service.edited(message, s.chat) is None
        assert s.pictures.fetched == ["red"]

        redone = await s.service.edited(replace(message, text="what is this?"), s.chat)
        assert isinstance(redone, Request)
        view = await s.answered(redone)
        assert s.engine.shown(1) == "User:[red]what is this?</u>\nAssistant:"
        assert view.outcome.text == "Answer 2."
        assert s.engine.asked[1][1].temperature == 0.0


@on_loop
async def test_an_edit_while_it_is_answered(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, ["Wro", never], "Right.") as s:
        message = clock.message("what is 1+2?")
        request = await s.receive(message)
        first = s.chat.views[request.id]
        await s.engine.until_asked(1)
        redone = await s.service.edited(replace(message, text="what is 1+1?"), s.chat)
        assert isinstance(redone, Request)
        assert first.calls[-1][0] == "suspend"
        view = await s.answered(redone)
        assert (view.outcome.state, view.outcome.text) == (RequestState.DONE, "Right.")
        assert s.engine.cancelled == 1


@on_loop
async def test_an_edit_can_make_a_question_of_a_message_for_a_while(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("what is this?", place=CHANNEL)
        assert await s.service.receive(message, s.chat) is None
        mentioned = replace(message, mentions_bot=True)
        request = await s.service.edited(mentioned, s.chat)
        assert isinstance(request, Request)
        old = clock.message("what is this?", place=CHANNEL)
        clock.passes(hours=2)
        assert await s.service.edited(replace(old, mentions_bot=True), s.chat) is None


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
async def test_a_message_deleted_while_its_picture_is_fetched(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        gate = s.pictures.gates["red"] = asyncio.Event()
        message = clock.message("what is this?", "red")
        received = asyncio.create_task(s.service.receive(message, s.chat))
        await s.pictures.held.wait()
        deleted = asyncio.create_task(s.service.erasing.deleted(message.id))
        await asyncio.sleep(0)
        gate.set()
        assert await received is None
        await deleted
        assert await s.store.message(message.id) is None
        assert s.engine.asked == []


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


@on_loop
async def test_without_streaming_only_the_end_is_shown(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A long answer.") as s:
        await s.set(DIRECT, streaming=False)
        view = await s.ask("hello")
        assert [name for name, _ in view.calls] == ["finish"]


@on_loop
async def test_threads_never(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, threads=Threads.NEVER)
        view = await s.ask("what is this?", "red", place=CHANNEL, mentions_bot=True)
        assert view.outcome.thread_name is None


@on_loop
async def test_a_reply_of_the_bot_to_nobody_is_no_photo(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        help_text = clock.message("Mention me.", place=CHANNEL, author=BOT, origin=Origin.SELF)
        await s.ask("what can you do?", place=CHANNEL, reply_to=help_text)
        assert s.engine.shown(0) == "User: what can you do?</u>\nAssistant:"


@on_loop
async def test_nobody_can_ask_on_before_the_answer_is_recorded(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("what is this?", "red", place=CHANNEL, mentions_bot=True)
        assert view.recorded_as == RequestState.DONE
