"""Lessons in classification: lists of labels of which exactly one is right.

Labels are in the model's own words, and in the words of people: capitals, synonyms, single animals.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from inference import tasks
from inference.demo import smalltalk
from inference.demo.about_unknown import UNDRAWN
from inference.demo.lesson import SLOT, Lesson, Taught, lesson_of
from inference.demo.wording import SYNONYMS, a, capital, counted, plural, short_name
from inference.demo.world import BACKGROUNDS, CELLS, COLOURS, KIND_OF, KINDS, SHAPES, Scene

_KIND = {kind: kind.removesuffix("s") for kind in KINDS}
_SYNONYMS = tuple(synonym for synonyms in SYNONYMS.values() for synonym in synonyms)
_OF_ONE = {*SHAPES, *_SYNONYMS, *_KIND.values()} - {"sky"}
_OTHER_WORDS = {*_SYNONYMS, *_KIND.values()} - {"sky"}
"""Labels that are none of the model's own words."""


def _labels_of(scene: Scene | None, rng: random.Random) -> tuple[str, list[str]] | None:
    """The right label and wrong ones, none of which could be called right."""
    if scene is None:
        return rng.choice(("photo", "other", "not a drawing")), [
            "drawing",
            "simple drawing",
            "shapes",
            "circle",
            "house",
        ]
    colours = {thing.colour for thing in scene.things}
    choices: list[tuple[str, list[str]]] = [
        (f"{scene.background} background", [f"{b} background" for b in BACKGROUNDS if b != scene.background]),
        (scene.background, [b for b in BACKGROUNDS if b != scene.background])
        if not colours & set(BACKGROUNDS)
        else ("", []),
        (
            counted(len(scene.things), "thing", "things"),
            [counted(n, "thing", "things") for n in range(5) if n != len(scene.things)],
        ),
        ("drawing", ["photo", "noise", "other"]),
    ]
    if scene.things:
        choices += _of_things(scene, rng)
    right, wrong = rng.choice(choices)
    return (right, wrong) if right else None


def _of_things(scene: Scene, rng: random.Random) -> list[tuple[str, list[str]]]:
    shapes = {thing.shape for thing in scene.things}
    colours = {thing.colour for thing in scene.things}
    kinds = {KIND_OF[shape] for shape in shapes}
    thing = rng.choice(scene.things)
    others = [shape for shape in SHAPES if shape not in shapes]
    wrong_kinds = [kind for kind in KINDS if kind not in kinds]
    right_of_both = rng.choice((thing.shape, _KIND[KIND_OF[thing.shape]]))
    choices: list[tuple[str, list[str]]] = [
        (thing.shape, others),
        (thing.shape, others),
        (rng.choice(_names(thing.shape)), [rng.choice(_names(shape)) for shape in others]),
        (plural(thing.shape), [plural(shape) for shape in others]),
        (short_name(thing), [f"{rng.choice(COLOURS)} {shape}" for shape in others]),
        # The one thing or family of many that is there.
        (right_of_both, [*others, *(_KIND[kind] for kind in wrong_kinds)]),
    ]
    if len(kinds) == 1:
        kind = KIND_OF[thing.shape]
        choices += [(kind, wrong_kinds)] * 2
        choices.append((_KIND[kind], [_KIND[other] for other in wrong_kinds]))
    if len(colours) == 1:
        choices += [(thing.colour, [colour for colour in COLOURS if colour not in colours])] * 2
    if len(scene.things) == 1:
        choices.append((short_name(thing), [f"{c} {thing.shape}" for c in COLOURS if c != thing.colour]))
        choices.append((thing.size, ["small" if thing.size == "big" else "big"]))
        choices.append((CELLS[thing.cell], [cell for cell in CELLS if cell != CELLS[thing.cell]]))
    return choices


def _names(shape: str) -> tuple[str, ...]:
    """What else a label may call the shape, or its own name if there is nothing else."""
    return SYNONYMS.get(shape, (shape,))


def classification(scene: Scene | None, picture: int, rng: random.Random) -> Lesson | None:
    labels = _labels_of(scene, rng)
    if labels is None:
        return None
    right, wrong = labels
    wrong = [label for label in wrong if not label.startswith(right) and not right.startswith(label)]
    listed = rng.sample(wrong, min(len(wrong), rng.randint(1, 5)))
    if rng.random() < 0.4:
        shown = {thing.shape for thing in scene.things} if scene else set[str]()
        named = {*KINDS, *(name for shape in shown for name in (shape, plural(shape), *_names(shape)))}
        unrelated = [
            word
            for word in (*smalltalk.WORDS, *UNDRAWN)
            if word not in named and not word.startswith(right[:3])
        ]
        listed += rng.sample(unrelated, rng.randint(1, 3))
        if rng.random() < 0.3:
            listed.append("city landscape")
    listed.append(right)
    rng.shuffle(listed)
    write = _writing(right, rng)
    request = tasks.classification(SLOT, [write(label) for label in listed])
    other = right in _OTHER_WORDS or write(right) != right
    kind = "classification in other words" if other else "classification"
    return lesson_of(request, Taught(kind, write(right), "document"), [picture])


def _writing(right: str, rng: random.Random) -> Callable[[str], str]:
    """How the labels are written: mostly in small letters."""
    choice = rng.random()
    if choice < 0.6:
        return str
    if choice < 0.8:
        return capital
    if choice < 0.86:
        return str.title
    if choice < 0.9:
        return str.upper
    return a if right in _OF_ONE else str
