"""What comes in: what is for the bot, what is kept, what is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.conversation import notes
from bot.conversation.channel_settings import History, Mode, Trigger
from bot.conversation.limits import Limits
from bot.conversation.messages import Message, Origin, Person
from bot.conversation.requests import Refusal, Request, RequestState
from tests.bot.conversation.chats import (
    ANNA,
    BEN,
    BOT,
    CHANNEL,
    THREAD,
    Clock,
    on_loop,
)
from tests.bot.conversation.scenes import scene


@on_loop
async def test_others_than_people_are_never_answered(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        for origin in set(Origin) - {Origin.PERSON}:
            message = clock.message("hello", mentions_bot=True, origin=origin)
            assert await s.service.receive(message, s.chat) is None
            assert await s.store.message(message.id) is None


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
async def test_a_reply_of_the_bot_to_nobody_is_no_photo(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        help_text = clock.message("Mention me.", place=CHANNEL, author=BOT, origin=Origin.SELF)
        await s.ask("what can you do?", place=CHANNEL, reply_to=help_text)
        assert s.engine.shown(0) == "User: what can you do?</u>\nAssistant:"
