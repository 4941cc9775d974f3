"""Exact answers on scenes the model never saw: `python -m inference.demo.evaluate`.

Every answer of every lesson is asked for, through the engine, from a prompt whose earlier answers are the
true ones, and counts only if the whole text is right. Clean drawings and drawings "by other hands" (other
shades, outlines, tilted, blurred, JPEG, other sizes and aspect ratios) are counted apart. The exit status
is 1 if a kind of question misses its goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from inference import Engine, Options, load_engine
from inference.demo.conversations import conversation
from inference.demo.drawing import clean_style, disturbed_style, draw_scene
from inference.demo.lesson import SLOT, Lesson, Taught
from inference.demo.lessons import question_answered, single_task
from inference.demo.questions import EveryKind
from inference.demo.undrawn import undrawn_picture
from inference.demo.world import Scene, random_scene
from inference.prompt import END_OF_UTTERANCE, PromptItem

_SEED = "unseen"
_POOL = 12
"""Pictures that a lesson may choose from: second pictures, examples of few-shot prompts."""
_UNDRAWN_SHARE = 0.06
_MORE_QUESTIONS = 2
_AT_ONCE = 32
_LONGEST_ANSWER = 128

_GOALS = {"clean": 0.98, "disturbed": 0.95}
_GOAL_LATER = 0.97
"""Of follow-ups and second pictures, on every drawing."""
_SECOND = "on a second picture"
_ALL_SECOND = f"all {_SECOND}"
"""The kinds about second pictures together: each alone has too few questions to be judged."""


@dataclass(frozen=True, slots=True)
class Asked:
    kind: str
    prompt: list[PromptItem]
    expected: str


@dataclass(slots=True)
class Tally:
    asked: int = 0
    right: int = 0


def _asked(lesson: Lesson, pictures: Sequence[Image.Image]) -> Iterator[Asked]:
    prompt: list[PromptItem] = []
    shown = iter(lesson.pictures)
    for item in lesson.items:
        if isinstance(item, Taught):
            yield Asked(item.kind, list(prompt), item.text)
            introduced = prompt.pop() if item.ending == "utterance" else None
            if isinstance(introduced, str):
                # Only a conversation goes on; the answer stands in one text with what introduces it.
                prompt += [f"{introduced} {item.text}", END_OF_UTTERANCE]
        else:
            prompt.append(pictures[next(shown)] if item is SLOT else item)


def questions(scenes: int, *, disturbed: bool, in_lines: bool = False) -> Iterator[Asked]:
    """A conversation, two single tasks and two more questions about each of `scenes` scenes.

    The more questions are of the kinds that were asked least, so that none is judged by a few.
    `in_lines`: of the disturbed drawings none is filled.
    """
    rng = random.Random(f"{_SEED}/{disturbed}")
    kinds = EveryKind()
    other_hands = partial(disturbed_style, in_lines_share=1.0) if in_lines else disturbed_style
    for start in range(0, scenes, _POOL):
        shown: list[Scene | None] = []
        pictures: list[Image.Image] = []
        for _ in range(_POOL):
            scene = random_scene(rng) if rng.random() >= _UNDRAWN_SHARE else None
            style = other_hands(rng) if disturbed else clean_style(rng)
            shown.append(scene)
            pictures.append(undrawn_picture(rng) if scene is None else draw_scene(scene, style, rng))
        for i in range(min(_POOL, scenes - start)):
            lessons = [conversation(shown, i, rng), single_task(shown, i, rng), single_task(shown, i, rng)]
            scene = shown[i]
            if scene is not None:
                for _ in range(_MORE_QUESTIONS):
                    lessons.append(question_answered(kinds.question(scene, rng), i, rng))
            yield from _without_repetition(one for lesson in lessons for one in _asked(lesson, pictures))


def _without_repetition(questions: Iterable[Asked]) -> Iterator[Asked]:
    """Each prompt once: a second story about one drawing would count the same mistake again."""
    known = set[tuple[str | int, ...]]()
    for asked in questions:
        prompt = tuple(item if isinstance(item, str) else id(item) for item in asked.prompt)
        if prompt not in known:
            known.add(prompt)
            yield asked


async def tally(engine: Engine, asked: Sequence[Asked], label: str, wrong: list[str]) -> dict[str, Tally]:
    """Counts by kind; what was answered wrongly is added to `wrong`."""
    counts: dict[str, Tally] = {}
    options = Options(max_new_tokens=_LONGEST_ANSWER)
    for start in range(0, len(asked), _AT_ONCE):
        group = asked[start : start + _AT_ONCE]
        replies = await asyncio.gather(*(engine.generate(one.prompt, options) for one in group))
        for one, reply in zip(group, replies, strict=True):
            count = counts.setdefault(one.kind, Tally())
            count.asked += 1
            count.right += reply.text == one.expected
            if reply.text != one.expected:
                wrong.append(f"{label} | {one.kind} | expected {one.expected!r}, got {reply.text!r}")
        if sys.stderr.isatty():
            print(f"\r{label}: {start + len(group)} of {len(asked)}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return counts


def _share(count: Tally | None) -> str:
    if count is None or not count.asked:
        return "–"  # noqa: RUF001
    return f"{100 * count.right / count.asked:.1f} % of {count.asked}"


def goal_of(kind: str, drawings: str) -> float:
    """The least share of right answers to questions of this kind about such drawings."""
    return _GOAL_LATER if kind == _ALL_SECOND or "follow-up" in kind else _GOALS[drawings]


def judged(counts: dict[str, Tally]) -> dict[str, Tally]:
    """The kinds that have a goal: those about second pictures are one."""
    kinds = {kind: count for kind, count in counts.items() if _SECOND not in kind}
    second = [count for kind, count in counts.items() if _SECOND in kind]
    if second:
        kinds[_ALL_SECOND] = Tally(sum(one.asked for one in second), sum(one.right for one in second))
    return kinds


def misses(results: dict[str, dict[str, Tally]]) -> list[str]:
    """A sentence for each kind below its goal, by more than the one wrong answer that decides nothing."""
    return [
        f"{kind}, {drawings} drawings: {_share(count)} are right, the goal is {100 * goal:.0f} %."
        for drawings, counts in results.items()
        for kind, count in sorted(judged(counts).items())
        for goal in [goal_of(kind, drawings)]
        if count.asked - count.right > max(1.0, (1 - goal) * count.asked)
    ]


def table(results: dict[str, dict[str, Tally]]) -> str:
    """The shares by kind as Markdown, each column with its goal."""
    clean, disturbed = judged(results["clean"]), judged(results["disturbed"])
    lines = ["| kind of question | clean drawings | goal | disturbed drawings | goal |", "|" + " --- |" * 5]
    for kind in sorted({*clean, *disturbed}):
        cells = [
            f"{_share(counts.get(kind))} | {100 * goal_of(kind, drawings):.0f} %"
            for drawings, counts in (("clean", clean), ("disturbed", disturbed))
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    totals = [
        Tally(sum(one.asked for one in counts.values()), sum(one.right for one in counts.values()))
        for counts in (clean, disturbed)
    ]
    return "\n".join([*lines, f"| **all** | **{_share(totals[0])}** | | **{_share(totals[1])}** | |"])


async def run(
    checkpoint: str, scenes: int, *, in_lines: bool
) -> tuple[dict[str, dict[str, Tally]], list[str]]:
    wrong: list[str] = []
    async with load_engine(checkpoint) as engine:
        results = {
            name: await tally(
                engine, list(questions(scenes, disturbed=disturbed, in_lines=in_lines)), name, wrong
            )
            for name, disturbed in (("clean", False), ("disturbed", True))
        }
    return results, wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="demo")
    parser.add_argument("--scenes", type=int, default=480, help="scenes of each sort")
    parser.add_argument("--in-lines", action="store_true", help="other hands draw in lines alone")
    parser.add_argument("--wrong", type=Path, help="file for the wrong answers")
    parser.add_argument("--json", type=Path, help="file for the counts")
    arguments = parser.parse_args()
    results, wrong = asyncio.run(run(arguments.checkpoint, arguments.scenes, in_lines=arguments.in_lines))
    print(table(results))
    if arguments.wrong:
        arguments.wrong.write_text("\n".join(wrong) + "\n", encoding="utf-8")
    if arguments.json:
        counted = {
            name: {kind: [c.right, c.asked] for kind, c in counts.items()} for name, counts in results.items()
        }
        arguments.json.write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")
    missed = misses(results)
    print("\n".join(["", *missed] if missed else ["", "Every kind reaches its goal."]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
