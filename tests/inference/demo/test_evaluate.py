"""What the evaluation makes of its counts."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest
from PIL import Image

from inference.demo import evaluate
from inference.demo.drawing import Style, draw_scene
from inference.demo.evaluate import Asked, Tally, misses, table, tally
from inference.demo.lessons import story
from inference.demo.world import Scene
from tests.fake_engine import FakeEngine

RIGHT = Tally(100, 98)


def results(kind: str, clean: Tally, disturbed: Tally = RIGHT) -> dict[str, dict[str, Tally]]:
    return {"clean": {kind: clean}, "disturbed": {kind: disturbed}}


@pytest.mark.parametrize(
    ("kind", "clean", "disturbed", "missed"),
    [
        ("caption", Tally(100, 98), Tally(100, 95), []),
        (
            "caption",
            Tally(100, 97),
            Tally(100, 95),
            ["clean drawings: 97.0 % of 100 are right, the goal is 98 %"],
        ),
        (
            "caption",
            Tally(100, 98),
            Tally(100, 94),
            ["disturbed drawings: 94.0 % of 100 are right, the goal is 95"],
        ),
        ("chat: follow-up", Tally(100, 97), Tally(100, 97), []),
        ("chat: follow-up", Tally(100, 97), Tally(100, 96), ["disturbed drawings: 96.0 %"]),
        ("vqa: size", Tally(10, 9), Tally(10, 9), []),
        (
            "few-shot",
            Tally(36, 22),
            Tally(69, 54),
            ["few-shot, clean drawings", "few-shot, disturbed drawings"],
        ),
    ],
)
def test_a_kind_below_its_goal_is_named(kind: str, clean: Tally, disturbed: Tally, missed: list[str]) -> None:
    found = misses(results(kind, clean, disturbed))
    assert len(found) == len(missed)
    for sentence, words in zip(found, missed, strict=True):
        assert words in sentence


def test_second_pictures_are_judged_together() -> None:
    each = {f"chat: {kind} on a second picture": Tally(5, 4) for kind in ("size", "shape", "colour")}
    [sentence] = misses({"clean": each, "disturbed": {}})
    assert sentence.startswith("all on a second picture, clean drawings: 80.0 % of 15")
    assert "| all on a second picture | 80.0 % of 15 | 97 % | – | 97 % |" in table(  # noqa: RUF001
        {"clean": each, "disturbed": {}}
    )


def test_other_hands_may_draw_in_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Style] = []

    def draw(scene: Scene, style: Style, rng: random.Random) -> Image.Image:
        drawn.append(style)
        return draw_scene(scene, style, rng)

    monkeypatch.setattr(evaluate, "draw_scene", draw)
    list(evaluate.questions(12, disturbed=True))
    assert {style.pen > 0 for style in drawn} == {True, False}
    drawn.clear()
    list(evaluate.questions(12, disturbed=True, in_lines=True))
    assert {style.pen > 0 for style in drawn} == {True}


def test_nothing_is_asked_twice_of_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "single_task", lambda shown, i, rng: story(shown[i], i, rng))
    kinds = [asked.kind for asked in evaluate.questions(5, disturbed=False)]
    assert kinds.count("story") == 5


def test_an_answer_counts_if_the_whole_text_is_right() -> None:
    engine = FakeEngine("A cat.", "A cat", "A dog.", "red")
    expected = [Asked("caption", ["?"], "A cat.")] * 3 + [Asked("vqa: colour", ["?"], "red")]
    wrong: list[str] = []
    counts = asyncio.run(tally(engine, expected, "clean", wrong))
    assert counts == {"caption": Tally(3, 1), "vqa: colour": Tally(1, 1)}
    assert wrong == [
        "clean | caption | expected 'A cat.', got 'A cat'",
        "clean | caption | expected 'A cat.', got 'A dog.'",
    ]


@pytest.mark.parametrize(("right", "status"), [(100, 0), (90, 1)])
def test_the_exit_status_is_the_verdict(
    right: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(*_: object, in_lines: bool) -> tuple[dict[str, dict[str, Tally]], list[str]]:
        return results("caption", Tally(100, right)), []

    monkeypatch.setattr(evaluate, "run", run)
    monkeypatch.setattr(sys, "argv", ["evaluate"])
    assert evaluate.main() == status
    assert f"| caption | {right}.0 % of 100 | 98 % | 98.0 % of 100 | 95 % |" in capsys.readouterr().out
