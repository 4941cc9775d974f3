"""What is done with an answer that is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.conversation.channel_settings import Mode
from bot.conversation.limits import Limits
from bot.conversation.requests import Refusal, Request, RequestState, can_regenerate
from bot.conversation.reviving import EngineDownError
from tests.bot.conversation.chats import ANNA, BEN, CHANNEL, DIRECT, Clock, View, on_loop
from tests.bot.conversation.scenes import Scene, scene
from tests.fake_engine import Cut


async def again(s: Scene, view: View) -> View:
    request = await s.service.steering.regenerate(view.request.id, s.chat)
    assert isinstance(request, Request)
    return await s.answered(request)


@on_loop
async def test_what_can_only_be_answered_alike_is_not_answered_again(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A house.") as s:
        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=("house", "tree"))
        weighed = await s.ask("", "red")
        unseen = await s.ask("", "broken")
        for view in (weighed, unseen):
            assert not can_regenerate(view.request, view.outcome)
            assert await s.service.steering.regenerate(view.request.id, s.chat) is None
            request = await s.store.request_of_question(view.request.id)
            assert request is not None
            assert request.versions == 1
        # Without labels nothing could be weighed; that may be different now.
        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=())
        unlabelled = await s.ask("", "red")
        assert unlabelled.outcome.state is RequestState.FAILED
        await s.set(DIRECT, mode=Mode.CAPTION)
        assert (await again(s, unlabelled)).outcome.text == "A house."


@on_loop
async def test_earlier_answers_are_kept_and_can_be_taken_up_again(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "One.", "Two.", "Three.", "On.") as s:
        first = await s.ask("what?", "red")
        second = await again(s, first)
        assert (second.request.version, second.request.versions) == (2, 2)
        third = await again(s, second)
        assert (third.request.version, third.request.versions) == (3, 3)

        assert await s.service.steering.show_version(first.request.id, 1, s.chat)
        shown = s.chat.views[first.request.id]
        assert (shown.request.version, shown.request.versions) == (1, 3)
        assert shown.outcome == first.outcome
        # What is shown is what the model is told that it said.
        await s.ask("go on")
        assert "One." in s.engine.shown(3)
        assert "Three." not in s.engine.shown(3)

        assert await s.service.steering.show_version(first.request.id, 3, s.chat)
        assert s.chat.views[first.request.id].outcome.text == "Three."
        assert not await s.service.steering.show_version(first.request.id, 4, s.chat)
        assert not await s.service.steering.show_version(12345, 1, s.chat)


@on_loop
async def test_another_question_has_other_answers(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("what?")
        view = await s.answered(await s.receive(message))
        await again(s, view)
        request = await s.service.edited(replace(message, text="and now?"), s.chat)
        assert isinstance(request, Request)
        assert (request.version, request.versions) == (1, 1)
        await s.answered(request)
        assert not await s.service.steering.show_version(request.id, 2, s.chat)


@on_loop
async def test_an_answer_without_text_is_no_version(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "One.", ValueError("a bug"), "Three.") as s:
        view = await again(s, await again(s, await s.ask("what?")))
        assert (view.request.version, view.request.versions) == (2, 2)


@on_loop
async def test_versions_go_with_the_question(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        view = await again(s, await s.ask("what?"))
        await s.service.erasing.deleted(view.request.id)
        assert not await s.service.steering.show_version(view.request.id, 1, s.chat)


@on_loop
async def test_what_ended_by_its_length_goes_on(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, Cut("A red"), [" square."], "Yes.") as s:
        view = await s.ask("what?", "red")
        assert view.outcome.finish_reason == "length"
        request = await s.service.steering.continue_answer(view.request.id, s.chat)
        assert isinstance(request, Request)
        on = await s.answered(request)
        assert s.engine.shown(1) == "User:[red]what?</u>\nAssistant:A red"
        assert on.outcome.text == "A red square."
        assert all(text.startswith("A red") for text in on.named("update"))
        assert (on.request.version, on.request.versions) == (1, 1)
        assert await s.service.steering.continue_answer(view.request.id, s.chat) is None
        # As one answer, with its ids.
        await s.ask("sure?")
        assert "Assistant:A red square.</u>" in s.engine.shown(2)


@on_loop
async def test_of_several_only_those_go_on_that_were_cut_off(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, Cut("A red"), "A green square.", [" square."]) as s:
        await s.set(DIRECT, mode=Mode.CAPTION)
        view = await s.ask("", "red", "green")
        assert view.outcome.finish_reason == "length"
        request = await s.service.steering.continue_answer(view.request.id, s.chat)
        assert isinstance(request, Request)
        on = await s.answered(request)
        assert on.outcome.text == "1. A red square.\n2. A green square."
        assert len(s.engine.asked) == 3
        assert on.outcome.finish_reason == "stop"


@on_loop
async def test_limits_of_a_day_and_those_who_have_none(folder: Path, clock: Clock) -> None:
    limits = Limits(per_day_per_person=2, per_day_per_server=3, moderators_exempt=True)
    async with scene(folder, clock, limits=limits) as s:

        async def ask(author: object, **about: object) -> object:
            clock.passes(minutes=5)
            message = clock.message("hi", place=CHANNEL, author=author, mentions_bot=True, **about)  # type: ignore[arg-type]
            result = await s.service.receive(message, s.chat)
            if isinstance(result, Request):
                await s.answered(result)
            return result

        for _ in range(2):
            assert isinstance(await ask(ANNA), Request)
        refused = await ask(ANNA)
        assert isinstance(refused, Refusal)
        assert refused.sentence == "You have asked 2 questions within a day, the limit: ask again tomorrow."
        assert isinstance(await ask(BEN), Request)
        refused = await ask(BEN)
        assert isinstance(refused, Refusal)
        assert refused.sentence == "This server has asked 3 questions within a day, the limit: wait a day."
        assert isinstance(await ask(BEN, by_moderator=True), Request)
        clock.passes(days=1)
        assert isinstance(await ask(ANNA), Request)


@on_loop
async def test_moderators_are_limited_unless_that_is_set(folder: Path, clock: Clock) -> None:
    for exempt in (False, True):
        limits = Limits(per_minute_per_person=1, moderators_exempt=exempt)
        async with scene(folder, clock, limits=limits) as s:
            first = await s.ask("hi", by_moderator=True)
            asked = await s.service.receive(clock.message("hi", by_moderator=True), s.chat)
            again = await s.service.steering.regenerate(first.request.id, s.chat, exempt=True)
            for result in (asked, again):
                assert isinstance(result, Request if exempt else Refusal)
                if isinstance(result, Request):
                    await s.answered(result)


@on_loop
async def test_a_server_has_a_limit_of_its_own(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, limits=Limits(per_minute_per_server=1)) as s:
        await s.ask("hi", place=CHANNEL, mentions_bot=True)
        result = await s.service.receive(
            clock.message("hi", place=CHANNEL, author=BEN, mentions_bot=True), s.chat
        )
        assert result == Refusal("This server has asked 1 question within a minute: ask again in 60 seconds.")


@on_loop
async def test_the_bots_own_words_are_in_the_places_language(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, ValueError("a bug")) as s:
        await s.set(DIRECT, language="ar")
        view = await s.ask("what?")
        assert view.outcome.state is RequestState.FAILED
        assert any("؀" <= character <= "ۿ" for character in view.notes[0])


@on_loop
async def test_only_the_latest_question_is_answered_anew_after_an_edit(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        first = clock.message("one?")
        await s.answered(await s.receive(first))
        await s.ask("two?")
        assert await s.service.edited(replace(first, text="ONE?"), s.chat) is None
        assert len(s.engine.asked) == 2
        await s.ask("three?")
        assert "ONE?" in s.engine.shown(2)

        # In a channel, everybody has a latest one.
        of_anna = clock.message("a?", place=CHANNEL, mentions_bot=True)
        await s.answered(await s.receive(of_anna))
        await s.ask("b?", place=CHANNEL, author=BEN, mentions_bot=True)
        assert isinstance(await s.service.edited(replace(of_anna, text="A?"), s.chat), Request)


@on_loop
async def test_an_answer_that_goes_on_keeps_its_text_while_there_is_no_model(
    folder: Path, clock: Clock
) -> None:
    recovered = asyncio.Event()
    async with scene(folder, clock, Cut("A red"), EngineDownError(recovered)) as s:
        first = await s.ask("what?", "red")
        request = await s.service.steering.continue_answer(first.request.id, s.chat)
        assert isinstance(request, Request)
        await s.engine.until_asked(2)
        await s.service.stop(request.id)
        view = await s.answered(request)
        assert (view.outcome.state, view.outcome.text) == (RequestState.STOPPED, "A red")
