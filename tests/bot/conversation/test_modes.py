"""What the model is asked in each mode, and how its answers are put together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.conversation.channel_settings import History, Mode
from bot.conversation.few_shot import fitting
from bot.conversation.keeping import Owners
from bot.conversation.messages import Scope, StoredPhoto
from bot.conversation.photos import normalise
from bot.conversation.requests import Request, RequestState
from tests.bot.conversation.chats import ANNA, BEN, CHANNEL, DIRECT, THREAD, Clock, drawing, on_loop
from tests.bot.conversation.scenes import scene
from tests.fake_engine import Script


@pytest.mark.parametrize(
    ("mode", "text", "prompt", "answer"),
    [
        (Mode.CAPTION, "nice", "[red]", "A square."),
        (Mode.PROMPTED_CAPTION, "nice", "[red]A picture of ", "A picture of A square."),
        (
            Mode.VQA,
            "which colour?",
            "Instruction: Provide an answer to the question. Use the image to answer.\n[red]"
            "Question: which colour? Answer:",
            "A square.",
        ),
        (
            Mode.VQA,
            "",
            "Instruction: Provide an answer to the question. Use the image to answer.\n[red]"
            "Question: What is in this image? Answer:",
            "A square.",
        ),
        (Mode.STORY, "", "Instruction: Use the image to write a story. \n[red]Story: \n", "A square."),
        (Mode.FEW_SHOT, "Which form?", "User:[red]Which form?\nAssistant:", "A square."),
    ],
)
@on_loop
async def test_modes(folder: Path, clock: Clock, mode: Mode, text: str, prompt: str, answer: str) -> None:
    async with scene(folder, clock, "A square.") as s:
        await s.set(DIRECT, mode=mode, prefix="A picture of")
        view = await s.ask(text, "red")
        assert s.engine.shown(0) == prompt
        assert view.outcome.text == answer


@on_loop
async def test_several_pictures_are_one_answer_in_order(folder: Path, clock: Clock) -> None:
    gate = asyncio.Event()
    answers: list[Script] = [[gate, "A red one."], "A green one."]
    async with scene(folder, clock, *answers) as s:
        await s.set(DIRECT, mode=Mode.CAPTION)
        request = await s.receive(clock.message("", "red", "green"))
        await s.engine.until_asked(2)
        await s.chat.views[request.id].posted.wait()
        gate.set()
        view = await s.answered(request)
        assert view.outcome.text == "1. A red one.\n2. A green one."
        assert [s.engine.shown(number) for number in range(2)] == ["[red]", "[green]"]
        assert view.named("update")[0].startswith("1. …\n2. A")
        assert view.outcome.completion_tokens == 4


@on_loop
async def test_stopping_several_keeps_what_there_is(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, "Red.", [never]) as s:
        await s.set(DIRECT, mode=Mode.CAPTION)
        request = await s.receive(clock.message("", "red", "green"))
        await s.chat.views[request.id].posted.wait()
        assert await s.service.stop(request.id)
        view = await s.answered(request)
        assert view.outcome.text == "1. Red.\n2. …"
        assert s.engine.cancelled == 1


@on_loop
async def test_one_error_among_several_ends_the_others(folder: Path, clock: Clock) -> None:
    never = asyncio.Event()
    async with scene(folder, clock, [never], ValueError("a bug")) as s:
        await s.set(DIRECT, mode=Mode.CAPTION)
        view = await s.ask("", "red", "green")
        assert view.outcome.state is RequestState.FAILED
        assert view.outcome.error == "ValueError: a bug"


@on_loop
async def test_classifying(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(DIRECT, mode=Mode.CLASSIFY)
        view = await s.ask("", "red")
        assert view.outcome.state is RequestState.FAILED
        assert view.notes == [
            "There are no labels to choose from yet: a moderator sets them with /labels set."
        ]

        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=("house", "tree"))
        view = await s.ask("", "red")
        assert view.outcome.text == "house (67%)"
        view = await s.ask("", "red", "blue")
        assert view.outcome.text == "1. house (67%)\n2. house (67%)"
        # Goes into the conversation as text.
        await s.ask("why?")
        assert "Assistant: house (67%)</u>\nUser:" in s.engine.shown(0)


@on_loop
async def test_without_a_picture_it_is_a_chat(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A square.", "Because.") as s:
        await s.set(CHANNEL, mode=Mode.CAPTION)
        view = await s.ask("", "red", place=CHANNEL, mentions_bot=True)
        assert view.outcome.thread_name == "About a picture"
        await s.store.adopt_thread(THREAD, view.request.id)
        await s.ask("why?", place=THREAD)
        assert s.engine.shown(1) == (
            "User:[red]What is in this image?</u>\nAssistant: A square.</u>\nUser: why?</u>\nAssistant:"
        )


@on_loop
async def test_a_mode_looks_at_the_picture_that_is_replied_to(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, mode=Mode.CAPTION)
        photo = clock.message("", "blue", place=CHANNEL, author=BEN)
        await s.ask("please", place=CHANNEL, mentions_bot=True, reply_to=photo)
        assert s.engine.shown(0) == "[blue]"


@on_loop
async def test_settings_of_the_answer(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(DIRECT, mode=Mode.STORY)
        await s.ask("", "red")
        await s.set(DIRECT, mode=Mode.STORY, temperature=0.5, max_new_tokens=5000)
        await s.ask("", "red")
        plain, warm = (options for _, options in s.engine.asked)
        assert (plain.num_beams, plain.max_new_tokens, plain.temperature) == (2, 200, 0.0)
        # Beams and chance exclude each other; half of the context is the prompt's.
        assert (warm.num_beams, warm.max_new_tokens, warm.temperature) == (1, 1024, 0.5)


@on_loop
async def test_no_history(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, history=History.OFF)
        await s.ask("one", place=CHANNEL, mentions_bot=True, author=ANNA)
        await s.ask("two", place=CHANNEL, mentions_bot=True, author=ANNA)
        assert s.engine.shown(1) == "User: two</u>\nAssistant:"


@on_loop
async def test_few_shot_shows_the_places_examples(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, mode=Mode.FEW_SHOT)
        for colour, answer in (("red", "RED!"), ("green", "GREEN!")):
            photo = normalise(drawing(colour), colour)
            assert isinstance(photo, StoredPhoto)
            await s.store.add_example(Scope(CHANNEL.id), photo, answer, Owners(ANNA.id, ANNA.id))
        await s.ask("", "blue", place=CHANNEL, mentions_bot=True)
        assert s.engine.shown(0) == (
            "User:[red]Describe this image.\nAssistant: RED!\n"
            "User:[green]Describe this image.\nAssistant: GREEN!\n"
            "User:[blue]Describe this image.\nAssistant:"
        )


@on_loop
async def test_examples_that_there_is_no_room_for_are_dropped(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, context_length=170) as s:
        await s.set(CHANNEL, mode=Mode.FEW_SHOT)
        for colour in ("red", "green", "blue"):
            photo = normalise(drawing(colour), colour)
            assert isinstance(photo, StoredPhoto)
            await s.store.add_example(
                Scope(CHANNEL.id), photo, " ".join([colour] * 22), Owners(ANNA.id, ANNA.id)
            )
        examples = await s.store.examples(CHANNEL.scopes)
        shown, dropped = fitting(s.engine, examples, answer_tokens=30)
        assert [example.answer[:3] for example in dropped] == ["red"]
        assert [*dropped, *shown] == examples
        await s.ask("", "red", place=CHANNEL, mentions_bot=True)
        assert s.engine.pictures(0) == 3


@on_loop
async def test_a_mode_that_needs_a_picture_says_so(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(CHANNEL, mode=Mode.CAPTION)
        view = await s.ask("hello", place=CHANNEL, mentions_bot=True)
        assert view.outcome.state is RequestState.FAILED
        assert view.notes == ["There is no picture to look at yet: send one, and I will answer about it."]
        assert s.engine.asked == []


@on_loop
async def test_a_question_may_have_a_mode_of_its_own(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "A square.", "Two squares.") as s:
        await s.set(DIRECT, mode=Mode.STORY)
        view = await s.ask("", "red", mode=Mode.CAPTION)
        assert s.engine.shown(0) == "[red]"
        assert view.outcome.mode is Mode.CAPTION
        await s.answered(_request(await s.service.steering.regenerate(view.request.id, s.chat)))
        assert s.engine.shown(1) == "[red]"


def _request(result: object) -> Request:
    assert isinstance(result, Request)
    return result


@on_loop
async def test_what_was_weighed_is_kept(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock) as s:
        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=("house", "tree"))
        view = await s.ask("", "red", "blue")
        recorded = await s.store.outcome(view.request.id)
        assert recorded is not None
        assert len(recorded.parts) == 2
        [(first, share), (second, _)] = recorded.parts[1].ranked
        assert (first, round(share, 3), second) == ("house", 0.667, "tree")


@on_loop
async def test_a_conversation_answers_about_each_picture(folder: Path, clock: Clock) -> None:
    async with scene(folder, clock, "Red.", "Blue.", "Both.") as s:
        view = await s.ask("which colour?", "red", "blue")
        assert [s.engine.shown(number) for number in range(2)] == [
            f"User:[{colour}]which colour?</u>\nAssistant:" for colour in ("red", "blue")
        ]
        assert view.outcome.text == "1. Red.\n2. Blue."
        await s.ask("and together?")
        assert s.engine.shown(2) == (
            "User:[red][blue]which colour?</u>\nAssistant: 1. Red.\n2. Blue.</u>\nUser: and together?</u>"
            "\nAssistant:"
        )
