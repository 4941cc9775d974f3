"""What is edited or deleted changes the history, and the answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.conversation.channel_settings import History
from bot.conversation.requests import Refusal, Request, RequestState
from tests.bot.conversation.chats import (
    CHANNEL,
    Clock,
    on_loop,
)
from tests.bot.conversation.scenes import scene


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
async def test_a_question_of_which_nothing_is_left_is_not_asked(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("what is this?", "red")
        view = await s.answered(await s.receive(message))
        refusal = await s.service.edited(replace(message, text=" ", offers=()), s.chat)
        assert isinstance(refusal, Refusal)
        assert len(s.engine.asked) == 1
        assert await s.store.outcome(view.request.id) == view.outcome
        kept = await s.store.message(message.id)
        assert kept is not None
        assert (kept.text, kept.photos) == (" ", ())


@on_loop
async def test_an_edit_that_changes_nothing_does_nothing(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        message = clock.message("what is this?", "red", "broken")
        view = await s.answered(await s.receive(message))
        # Such as when a link's preview comes, and nothing new can be seen.
        assert await s.service.edited(message, s.chat) is None
        assert await s.store.outcome(view.request.id) == view.outcome
        assert len(s.engine.asked) == 1


@on_loop
async def test_a_picture_that_is_taken_out_of_a_message_is_out_of_the_history(
    folder: Path, clock: Clock
) -> None:
    async with scene(folder, clock, "Red.", "Blue.", "Blue.") as s:
        message = clock.message("which colours?", "red", "blue")
        await s.answered(await s.receive(message))
        redone = await s.service.edited(replace(message, offers=message.offers[1:]), s.chat)
        assert isinstance(redone, Request)
        assert (await s.answered(redone)).outcome.text == "Blue."
        assert s.engine.shown(2) == "User:[blue]which colours?</u>\nAssistant:"

        # Also of what was overheard.
        await s.set(CHANNEL, history=History.ALL)
        await s.ask("hello", place=CHANNEL, mentions_bot=True)
        overheard = clock.message("look", "red", "blue", place=CHANNEL)
        assert await s.service.receive(overheard, s.chat) is None
        await s.service.edited(replace(overheard, offers=overheard.offers[:1]), s.chat)
        await s.ask("what do you see?", place=CHANNEL, mentions_bot=True)
        assert "[blue]" not in s.engine.shown(-1)


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
