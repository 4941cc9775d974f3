"""Lessons in classification: lists of labels of which exactly one is right."""

from __future__ import annotations

import random

from inference import tasks
from inference.demo import smalltalk
from inference.demo.lesson import SLOT, Lesson, Taught, lesson_of
from inference.demo.wording import counted, plural, short_name
from inference.demo.world import BACKGROUNDS, CELLS, COLOURS, KIND_OF, KINDS, SHAPES, Scene


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
    shapes = {thing.shape for thing in scene.things}
    colours = {thing.colour for thing in scene.things}
    kinds = {KIND_OF[shape] for shape in shapes}
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
        thing = rng.choice(scene.things)
        others = [shape for shape in SHAPES if shape not in shapes]
        choices += [
            (thing.shape, others),
            (thing.shape, others),
            (plural(thing.shape), [plural(shape) for shape in others]),
            (short_name(thing), [f"{rng.choice(COLOURS)} {shape}" for shape in others]),
        ]
        if len(kinds) == 1:
            wrong = [kind for kind in KINDS if kind not in kinds]
            choices += [(KIND_OF[thing.shape], wrong), (KIND_OF[thing.shape], wrong)]
        if len(colours) == 1:
            choices += [(thing.colour, [colour for colour in COLOURS if colour not in colours])] * 2
        if len(scene.things) == 1:
            choices.append((short_name(thing), [f"{c} {thing.shape}" for c in COLOURS if c != thing.colour]))
            choices.append((thing.size, ["small" if thing.size == "big" else "big"]))
            choices.append((CELLS[thing.cell], [cell for cell in CELLS if cell != CELLS[thing.cell]]))
    right, wrong = rng.choice(choices)
    return (right, wrong) if right else None


def classification(scene: Scene | None, picture: int, rng: random.Random) -> Lesson | None:
    labels = _labels_of(scene, rng)
    if labels is None:
        return None
    right, wrong = labels
    wrong = [label for label in wrong if not label.startswith(right) and not right.startswith(label)]
    listed = rng.sample(wrong, min(len(wrong), rng.randint(1, 5)))
    if rng.random() < 0.4:
        unrelated = [word for word in smalltalk.WORDS if word not in KINDS and not word.startswith(right[:3])]
        listed += rng.sample(unrelated, rng.randint(1, 3))
        if rng.random() < 0.3:
            listed.append("city landscape")
    listed.append(right)
    rng.shuffle(listed)
    request = tasks.classification(SLOT, listed)
    return lesson_of(request, Taught("classification", right, "document"), [picture])
