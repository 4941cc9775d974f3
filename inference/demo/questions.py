"""Every kind of question, drawn at random, and those that lean on the question before."""

from __future__ import annotations

import random

from inference.demo.about_all import (
    background,
    count,
    count_some,
    describe,
    exists,
    extreme,
    shape_of_colour,
    which_colours,
    which_shapes,
)
from inference.demo.about_one import colour, describe_one, is_colour, size, where
from inference.demo.about_places import relation, what_at, what_beside
from inference.demo.question import Maker, Question
from inference.demo.world import Scene

MAKERS: dict[str, Maker] = {
    "describe": describe,
    "colour": colour,
    "shape": shape_of_colour,
    "position": where,
    "at place": what_at,
    "number": count,
    "number of kind": count_some,
    "size": size,
    "existence": exists,
    "background": background,
    "check": is_colour,
    "relation": relation,
    "beside": what_beside,
    "describe one": describe_one,
    "which shapes": which_shapes,
    "which colours": which_colours,
    "extreme": extreme,
}
_WEIGHTS = {"describe": 1.0, "colour": 1.6, "shape": 1.3, "position": 1.5, "at place": 2.0, "relation": 1.5}


def random_question(scene: Scene, rng: random.Random) -> Question:
    """A question of any kind that makes sense for the scene."""
    kinds = list(MAKERS)
    while True:
        kind = rng.choices(kinds, [_WEIGHTS.get(kind, 1.0) for kind in kinds])[0]
        question = MAKERS[kind](scene, rng)
        if question is not None:
            return question


def follow_up(before: Question, scene: Scene, rng: random.Random) -> Question | None:
    """A question that only makes sense after `before`; None where there is nothing to lean on."""
    thing = before.thing
    if thing is None:
        return None
    others = [other for other in scene.things if other.shape != thing.shape]
    shapes = [other.shape for other in scene.things]
    others = [other for other in others if shapes.count(other.shape) == 1]
    if others and before.kind in ("colour", "position", "size") and rng.random() < 0.5:
        other = rng.choice(others)
        text = rng.choice(
            (f"And the {other.shape}?", f"What about the {other.shape}?", f"and the {other.shape}")
        )
        same = {"colour": colour, "position": where, "size": size}[before.kind](scene, rng, other)
        return None if same is None else Question("follow-up", text, same.short, same.sentence, other)
    if shapes.count(thing.shape) != 1:
        return None
    makers: dict[str, tuple[str, ...]] = {
        "colour": (
            "And its colour?",
            "What colour is it?",
            "And what colour is it?",
            "Which colour?",
            "its colour?",
        ),
        "position": ("And where is it?", "Where is it?", "Where exactly?", "And its position?"),
        "size": ("And its size?", "How big is it?", "Is it big or small?", "Is it big?", "Is it small?"),
    }
    makers.pop(before.kind, None)
    kind = rng.choice(list(makers))
    same = {"colour": colour, "position": where, "size": size}[kind](scene, rng, thing)
    if same is None:
        return None
    text = rng.choice(makers[kind])
    if text in ("Is it big?", "Is it small?"):
        word = "Yes" if thing.size in text else "No"
        return Question("follow-up", text, word.lower(), f"{word}, the {thing.shape} is {thing.size}.", thing)
    return Question("follow-up", text, same.short, same.sentence, thing)
