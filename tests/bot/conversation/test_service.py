"""The way of one message, from its arrival to its recorded answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.conversation.channel_settings import Mode, Threads, Trigger
from bot.conversation.limits import Limits
from bot.conversation.messages import Person
from bot.conversation.requests import Refusal, Request, RequestState
from tests.bot.conversation.chats import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    THREAD,
    Clock,
    on_loop,
)
from tests.bot.conversation.scenes import scene


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
async def test_threads_never(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, threads=Threads.NEVER)
        view = await s.ask("what is this?", "red", place=CHANNEL, mentions_bot=True)
        assert view.outcome.thread_name is None
