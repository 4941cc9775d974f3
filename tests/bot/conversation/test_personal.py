"""What people may ask about their data, while answers are under way."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from bot.conversation import run
from bot.conversation.channel_settings import History
from bot.conversation.messages import Message
from bot.conversation.personal import Amount
from bot.conversation.requests import Request, RequestState
from bot.conversation.retention import retention
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.conversation.chats import ANNA, BEN, CHANNEL, DIRECT, Clock, on_loop
from tests.bot.conversation.scenes import scene
from tests.bot.store.test_personal import everything_in


@on_loop
async def test_a_person_is_forgotten_while_answers_are_under_way(folder: Path, clock: Clock) -> None:
    held = asyncio.Event()
    async with scene(folder, clock, "Red.", ["Half", held], ["Ben's", held, " answer."]) as it:
        await it.ask("What is it?", "red", place=CHANNEL, mentions_bot=True)
        running_one = await it.receive(clock.message("And this?", "blue"))
        await it.engine.until_held(1)
        waiting_one = await it.receive(clock.message("And that?"))
        ben = await it.receive(clock.message("Mine?", place=CHANNEL, author=BEN, mentions_bot=True))
        await it.engine.until_held(2)
        assert await it.service.erasing.forget_person(ANNA.id) == Amount(messages=3, photos=2, answers=1)
        for request in (running_one, waiting_one):
            assert it.chat.views[request.id].outcome.state is RequestState.FORGOTTEN
            assert await it.store.request_of_question(request.id) is None
        held.set()
        assert (await it.answered(ben)).outcome.text == "Ben's answer."
        # Neither a prompt nor the pictures at hand have anything of hers.
        view = await it.ask("What was it?", place=CHANNEL, author=BEN, mentions_bot=True)
        assert view.outcome.state is RequestState.DONE
        assert "What is it?" not in it.engine.shown(-1)
        assert it.engine.pictures(-1) == 0
        assert not it.service._answerer._prompter._album._decoded._entries
        assert b"What is it?" not in everything_in(folder)


@on_loop
async def test_what_was_forgotten_is_not_read_back_from_the_chat(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as it:
        await it.set(CHANNEL, history=History.ALL)
        asked = clock.message("What is it?", "red", place=CHANNEL, mentions_bot=True)
        await it.answered(await it.receive(asked))
        await it.service.erasing.forget_person(ANNA.id)
        since = clock.message("Nobody asked me yet.", place=CHANNEL, author=BEN)

        async def earlier() -> list[Message]:
            return [since, asked]

        question = clock.message("And this?", place=CHANNEL, author=BEN, mentions_bot=True)
        request = await it.service.receive(question, it.chat, earlier=earlier)
        assert isinstance(request, Request)
        await it.answered(request)
        assert "Nobody asked me yet." in it.engine.shown(-1)
        assert await it.store.kept_of(ANNA.id) == Amount()


@on_loop
async def test_who_opted_out_is_seen_in_the_question_alone(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as it:
        await it.set(CHANNEL, history=History.ALL)
        await it.ask("Hello?", place=CHANNEL, mentions_bot=True)
        await it.service.erasing.opt_out(ANNA.id)
        shown = clock.message("My picture", "red", place=CHANNEL)
        assert await it.service.receive(shown, it.chat) is None
        view = await it.ask("And mine?", "green", place=CHANNEL, mentions_bot=True)
        assert view.outcome.state is RequestState.DONE
        assert "And mine?" in it.engine.shown(-1)
        assert "[green]" in it.engine.shown(-1)
        view = await it.ask("What is this?", place=CHANNEL, author=BEN, mentions_bot=True, reply_to=shown)
        assert view.outcome.state is RequestState.DONE
        prompt = it.engine.shown(-1)
        assert "What is this?" in prompt
        assert not any(text in prompt for text in ("Hello?", "My picture", "And mine?", "["))


@on_loop
async def test_a_question_that_is_owed_is_shown_to_its_author_alone(folder: Path, clock: Clock) -> None:
    held = asyncio.Event()
    async with scene(folder, clock, ["Ours", held]) as it:
        await it.set(CHANNEL, history=History.ALL)
        await it.service.erasing.opt_out(ANNA.id)
        secret = clock.message("A secret?", "red", place=CHANNEL, mentions_bot=True)
        owed = await it.receive(secret)
        await it.engine.until_held(1)
        await it.ask("What is this?", place=CHANNEL, author=BEN, mentions_bot=True, reply_to=secret)
        assert "A secret?" not in it.engine.shown(-1)
        assert it.engine.pictures(-1) == 0
        held.set()
        assert (await it.answered(owed)).outcome.text == "Ours"


@on_loop
async def test_an_answer_that_cannot_be_recorded_is_recorded_later(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0, 0.0, 0.0))
    failures = [StoreError("The disk is full.")] * 2
    finish = SqlStore.finish_request

    async def failing(store: SqlStore, *outcome: object) -> None:
        if failures:
            raise failures.pop()
        await finish(store, *outcome)  # type: ignore[arg-type]

    monkeypatch.setattr(SqlStore, "finish_request", failing)
    async with scene(folder, clock) as it:
        view = await it.ask("What is it?")
        assert view.recorded_as is RequestState.DONE
        assert len(view.named("finish")) == 1


@on_loop
async def test_what_may_no_longer_be_kept_goes_even_if_that_fails_at_first(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done = asyncio.Event()
    failures = [StoreError("The disk is full.")]
    forget = SqlStore.forget_expired

    async def failing(store: SqlStore, now: datetime, default_days: int) -> Amount:
        if failures:
            raise failures.pop()
        forgotten = await forget(store, now, default_days)
        done.set()
        return forgotten

    monkeypatch.setattr(SqlStore, "forget_expired", failing)
    message = clock.message("Long ago", place=DIRECT)
    async with scene(folder, clock) as it:
        await it.store.record_message(message, [], addressed=True)
        clock.passes(days=31)
        forgotten_by_engine = it.engine.forgotten
        async with retention(it.service.erasing, every_s=0.0):
            await done.wait()
        assert await it.store.message(message.id) is None
        assert it.engine.forgotten > forgotten_by_engine
    assert "could not be forgotten" in caplog.text
