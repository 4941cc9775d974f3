"""What the model is asked in each mode, and how its answers are put together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.conversation.channel_settings import History, Mode
from bot.conversation.ports import RequestState
from tests.bot.conversation.chats import ANNA, BEN, CHANNEL, DIRECT, THREAD, Clock, on_loop
from tests.bot.conversation.test_service import scene
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
        assert view.notes == ["There are no labels to choose from yet: set some for this place."]

        await s.set(DIRECT, mode=Mode.CLASSIFY, labels=("house", "tree"))
        view = await s.ask("", "red")
        assert view.outcome.text == "house (house 67%, tree 33%)"
        view = await s.ask("", "red", "blue")
        assert view.outcome.text == "1. house (house 67%, tree 33%)\n2. house (house 67%, tree 33%)"
        # Goes into the conversation as text.
        await s.ask("why?")
        assert "Assistant: house (house 67%, tree 33%)</u>\nUser:" in s.engine.shown(0)


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
