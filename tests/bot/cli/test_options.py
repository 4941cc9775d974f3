"""Options that `ask` and `chat` pass on, and how wrong ones are told."""

from __future__ import annotations

import io
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bot.cli import arguments
from tests.fake_engine import FakeEngine, pictures_in

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_what_is_said_of_the_model_reaches_its_loading(
    command: str, run: Run, draw: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []
    engine = FakeEngine("A red square.")

    async def load_engine(checkpoint: str, **options: object) -> FakeEngine:
        options.pop("progress")
        asked.append({"checkpoint": checkpoint, **options})
        return engine

    monkeypatch.setattr("tests.bot.cli.conftest.loader_of", lambda _: load_engine)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    options = ("--model", "m", "--quantization", "8bit", "--dtype", "bfloat16", "--device", "cpu")
    assert run(command, *options, draw("a.png"), engine=engine)[0] == 0
    assert asked == [{"checkpoint": "m", "quantization": "8bit", "dtype": "bfloat16", "device": "cpu"}]


@pytest.mark.parametrize(("option", "value"), [("--mode", "wat"), ("--dtype", "int8")])
def test_a_value_that_is_none_is_told_with_those_there_are(option: str, value: str, run: Run) -> None:
    status, out, err = run("ask", option, value, "Hello")
    assert (status, out) == (2, "")
    assert err.startswith(f"Invalid value for '{option}': '{value}' is not one of '")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["ask", "Which?"],
        ["ask", "--mode", "caption"],
        ["ask", "--mode", "classify", "--labels", "a"],
        ["chat"],
    ],
)
def test_many_pictures_are_decoded_one_at_a_time_and_kept_small(
    options: list[str], run: Run, draw: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[weakref.ref[Image.Image]] = []
    most_alive = 0
    open_picture = arguments.open_picture

    def noted(data: bytes | Path) -> Image.Image:
        nonlocal most_alive
        picture = open_picture(data)
        decoded.append(weakref.ref(picture))
        most_alive = max(most_alive, sum(one() is not None for one in decoded))
        return picture

    monkeypatch.setattr(arguments, "open_picture", noted)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    engine = FakeEngine()
    assert run(*options, *(draw(f"{number}.png") for number in range(5)), engine=engine)[0] == 0
    assert len(decoded) >= 5
    assert most_alive == 1
    asked = [prompt for prompt, _ in (*engine.asked, *engine.ranked)]
    shown = [picture for prompt in asked for picture in pictures_in(prompt)]
    assert [picture.size for picture in shown] == [(engine.picture_size,) * 2] * 5
