"""Which earlier messages a question is understood with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.conversation.channel_settings import History
from bot.conversation.messages import Reference
from bot.conversation.window import HISTORY_LIMIT
from tests.bot.conversation.chats import ANNA, BEN, CHANNEL, DIRECT, THREAD, Clock, on_loop
from tests.bot.conversation.scenes import scene
from tests.fake_engine import FakeEngine

TO_BOT = {"place": CHANNEL, "mentions_bot": True}


def questions(engine: FakeEngine) -> list[str]:
    """What people say in the last prompt."""
    turns = engine.shown(len(engine.asked) - 1).split("</u>\n")
    return [turn.removeprefix("User:").strip() for turn in turns if turn.startswith("User:")]


@on_loop
async def test_a_picture_of_the_morning_does_not_explain_the_evening(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.ask("this?", "red", **TO_BOT)
        clock.passes(minutes=50)
        await s.ask("why?", **TO_BOT)
        assert questions(s.engine) == ["[red]this?", "why?"]
        clock.passes(minutes=50)
        await s.ask("and how many?", **TO_BOT)
        assert questions(s.engine) == ["why?", "and how many?"]
        clock.passes(hours=8)
        await s.ask("what is it?", **TO_BOT)
        assert questions(s.engine) == ["what is it?"]


@on_loop
async def test_a_reply_goes_on_from_where_it_is(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.ask("this?", "red", **TO_BOT)
        second = await s.ask("which form?", **TO_BOT)
        await s.ask("and this?", "blue", **TO_BOT)
        clock.passes(days=2)
        await s.ask("unrelated", "green", **TO_BOT)
        await s.ask("why?", place=CHANNEL, reply_to=second.answer_ids[0])
        assert questions(s.engine) == ["[red]this?", "which form?", "why?"]


@on_loop
async def test_replies_are_followed_back(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("this?", "red", **TO_BOT)
        for number in range(3):
            clock.passes(hours=5)
            view = await s.ask(f"and {number}?", place=CHANNEL, reply_to=view.answer_ids[0])
        assert questions(s.engine) == ["[red]this?", "and 0?", "and 1?", "and 2?"]


@on_loop
async def test_a_reply_to_a_later_part_of_an_answer(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("this?", "red", **TO_BOT)
        part = clock.new_id()
        await s.store.add_answer_message(view.request.id, part)
        clock.passes(hours=5)
        await s.ask("why?", place=CHANNEL, reply_to=part)
        assert questions(s.engine) == ["[red]this?", "why?"]


@on_loop
async def test_in_a_conversation_everything_counts_however_old(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(DIRECT, history=History.OFF)
        await s.ask("this?", "red")
        clock.passes(days=30)
        await s.ask("why?")
        assert questions(s.engine) == ["[red]this?", "why?"]


@on_loop
async def test_talk_among_people_in_the_bots_thread_counts_but_is_not_answered(
    folder: Path, clock: Clock
) -> None:
    async with scene(folder, clock) as s:
        view = await s.ask("this?", "red", **TO_BOT)
        await s.store.adopt_thread(THREAD, view.request.id)
        bens = clock.message("I see a house", place=THREAD, author=BEN)
        await s.answered(await s.receive(bens))
        aside = clock.message("so do I", place=THREAD, reply_to=bens)
        assert await s.service.receive(aside, s.chat) is None
        await s.ask("are we right?", place=THREAD)
        assert questions(s.engine) == [
            "Anna:[red]this?",
            "Ben: I see a house",
            "Anna: so do I\nAnna: are we right?",
        ]


@on_loop
async def test_a_reply_outside_of_what_is_shown_stands_before_the_question(
    folder: Path, clock: Clock
) -> None:
    async with scene(folder, clock) as s:
        await s.ask("hello")
        elsewhere = clock.message("my wall", "blue", place=CHANNEL, author=ANNA)
        await s.store.record_message(elsewhere, (), addressed=False)
        message = clock.message("look", reply_to=elsewhere)
        await s.answered(await s.receive(message))
        assert questions(s.engine) == ["hello", "my wall\nlook"]


@on_loop
async def test_a_reply_to_something_unknown(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("why?", **TO_BOT)
        await s.answered(await s.receive(replace(message, reply_to=Reference(12345, to_bot=False))))
        assert questions(s.engine) == ["why?"]


@on_loop
async def test_in_a_talk_without_pictures_the_newest_one_is_still_found(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, context_length=100_000) as s:
        await s.ask("this?", "red")
        for number in range(HISTORY_LIMIT):
            message = clock.message(f"line {number}")
            await s.store.record_message(message, (), addressed=False)
        await s.ask("why?")
        first, last = questions(s.engine)
        assert first == "[red]this?"
        assert last.endswith("line 99\nwhy?")


@on_loop
async def test_a_follow_up_is_the_earlier_prompt_and_more(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, context_length=300) as s:
        appended = 0
        for number in range(40):
            clock.passes(minutes=1)
            await s.ask(f"question {number} with some words", *["red"] * (number == 0))
            if number:
                prompt, before = s.engine.shown(number), s.engine.shown(number - 1)
                appended += prompt.startswith(before)
            assert s.engine.count_tokens(s.engine.asked[number][0]) <= 300 - 100
            assert s.engine.pictures(number) == 1
        assert appended >= 32


@on_loop
async def test_what_was_overheard_counts_only_where_everything_does(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, history=History.ALL)
        await s.ask("this?", "red", **TO_BOT)
        assert await s.service.receive(clock.message("I like it", place=CHANNEL), s.chat) is None
        await s.ask("and you?", **TO_BOT)
        assert questions(s.engine) == ["[red]this?", "I like it\nand you?"]
        # A moderator decides otherwise: what was overheard is still kept.
        await s.set(CHANNEL, history=History.ADDRESSED)
        await s.ask("which form?", **TO_BOT)
        assert questions(s.engine) == ["[red]this?", "and you?", "which form?"]
        await s.set(CHANNEL, history=History.OFF)
        await s.ask("which colour?", **TO_BOT)
        assert questions(s.engine) == ["which colour?"]
