"""The shipped checkpoint: small, like any other to load, and true about drawings of another hand."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from transformers import IdeficsForVisionText2Text

from inference import Engine, load_engine, tasks
from inference.demo import smalltalk
from inference.demo.evaluate import Tally, questions, tally
from inference.demo.pages import page, screenshot
from inference.demo.undrawn import undrawn_picture

CHECKPOINT = Path(__file__).parents[3] / "inference" / "demo" / "checkpoint"
LARGEST = 25 * 2**20

pytestmark = pytest.mark.skipif(
    not (CHECKPOINT / "model.safetensors").exists(), reason="the built-in model's weights are not there yet"
)


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in CHECKPOINT.iterdir()) <= LARGEST


def test_plain_transformers_loads_it() -> None:
    model, report = IdeficsForVisionText2Text.from_pretrained(CHECKPOINT, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def red_circle() -> Image.Image:
    picture = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(picture).ellipse((140, 90, 260, 210), fill="red")
    return picture


def blue_square() -> Image.Image:
    picture = Image.new("RGB", (640, 640), "lightyellow")
    ImageDraw.Draw(picture).rectangle((30, 30, 220, 220), fill="blue", outline="black", width=6)
    return picture.filter(ImageFilter.GaussianBlur(1))


async def said(engine: Engine, *turns: tasks.Turn) -> str:
    return (await tasks.answer(engine, tasks.conversation(turns))).text


def test_it_converses_about_drawings_of_another_hand() -> None:
    async def talk() -> None:
        async with load_engine("demo") as engine:
            first = tasks.Turn("User", (red_circle(), "What is in this image?"))
            told = await said(engine, first)
            assert told == "This picture shows a big red circle in the centre, on a white background."
            turns = (first, tasks.Turn("Assistant", (told,)), tasks.Turn("User", ("And its colour?",)))
            assert await said(engine, *turns) == "The circle is red."
            second = tasks.Turn("User", (blue_square(), "What colour is the square?"))
            turns = (*turns, tasks.Turn("Assistant", ("The circle is red.",)), second)
            assert await said(engine, *turns) == "The square is blue."
            assert await said(engine, tasks.Turn("User", ("Hello",))) == smalltalk.HELLO
            assert await said(engine, tasks.Turn("User", ("What is this?",))) == smalltalk.NO_PICTURE
            noise = undrawn_picture(random.Random(1))
            assert await said(engine, tasks.Turn("User", (noise, "What is this?"))) == smalltalk.UNKNOWN

    asyncio.run(talk())


def test_it_says_yes_and_no_about_places_and_numbers() -> None:
    async def ask() -> None:
        async with load_engine("demo") as engine:

            async def of(picture: Image.Image, question: str) -> str:
                return await said(engine, tasks.Turn("User", (picture, question)))

            assert (
                await of(blue_square(), "Is the square on the left?") == "Yes, the square is in the top left."
            )
            assert (
                await of(blue_square(), "Is there a square on the right?")
                == "No, the square is in the top left."
            )
            assert await of(red_circle(), "Are there two circles?") == "No, there is 1 circle."
            assert await of(red_circle(), "Is there only one thing?") == "Yes, there is 1 thing."

    asyncio.run(ask())


def test_it_knows_labels_as_people_write_them_and_pages_for_no_drawings() -> None:
    async def ask() -> None:
        async with load_engine("demo") as engine:
            lists = (["House", "Circle", "Dog"], ["vehicle", "shape", "animal"], ["box", "disc", "plus"])
            for labels in lists:
                ranked = await tasks.classify_by_rank(engine, red_circle(), labels)
                assert ranked[0] == (labels[1], pytest.approx(1, abs=0.1))
            for make in (page, screenshot):
                shown = tasks.Turn("User", (make(random.Random(4)), "What is this?"))
                assert await said(engine, shown) == smalltalk.UNKNOWN

    asyncio.run(ask())


def test_it_does_the_guides_tasks() -> None:
    async def ask() -> None:
        async with load_engine("demo") as engine:
            requests = [
                tasks.captioning(red_circle()),
                tasks.prompted_captioning(red_circle()),
                tasks.visual_question_answering(red_circle(), "What colour is the circle?"),
                tasks.classification(red_circle(), ["animals", "shapes", "vehicles"]),
                tasks.few_shot([(blue_square(), "An image of a big blue square.")], red_circle()),
            ]
            answers = [answer.text for answer in await tasks.answer_all(engine, requests)]
            assert answers == [
                "A big red circle in the centre.",
                "a big red circle in the centre.",
                "red",
                "shapes",
                "An image of a big red circle.",
            ]
            story = (await tasks.answer(engine, tasks.story(red_circle()))).text
            assert "red circle" in story
            assert story.endswith("The end.")
            ranked = await tasks.classify_by_rank(
                engine, red_circle(), ["house", "circle", "a very long label"]
            )
            assert ranked[0][0] == "circle"
            assert sum(probability for _, probability in ranked) == pytest.approx(1)

    asyncio.run(ask())


def test_the_evaluation_counts_right_and_wrong_answers() -> None:
    async def evaluate() -> tuple[dict[str, Tally], int, list[str]]:
        async with load_engine("demo") as engine:
            asked = list(questions(4, disturbed=False))
            wrong: list[str] = []
            return await tally(engine, asked, "clean", wrong), len(asked), wrong

    counts, number, wrong = asyncio.run(evaluate())
    assert sum(count.asked for count in counts.values()) == number
    assert sum(count.right for count in counts.values()) == number - len(wrong)
