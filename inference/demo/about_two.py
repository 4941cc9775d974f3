"""Questions that compare two things."""

from __future__ import annotations

import random

from inference.demo.question import Question, two_of_their_shapes
from inference.demo.wording import asked_shape
from inference.demo.world import Scene, Thing


def comparison(scene: Scene, rng: random.Random) -> Question | None:
    """Which of two things is bigger, or whether they have one colour."""
    pair = two_of_their_shapes(scene, rng)
    if pair is None:
        return None
    return _sizes(*pair, rng) if rng.random() < 0.6 else _colours(*pair, rng)


def _sizes(one: Thing, other: Thing, rng: random.Random) -> Question:
    names = [asked_shape(rng, thing.shape) for thing in (one, other)]
    wanted, word = rng.choice((("big", "bigger"), ("big", "larger"), ("small", "smaller")))
    if rng.random() < 0.5:
        text = rng.choice(
            (
                f"Which is {word}, the {names[0]} or the {names[1]}?",
                f"What is {word}, the {names[0]} or the {names[1]}?",
                f"Is the {names[0]} or the {names[1]} {word}?",
            )
        )
        if one.size == other.size:
            return Question("comparison", text, f"both are {one.size}", f"Both are {one.size}.")
        found = one if one.size == wanted else other
        return Question("comparison", text, found.shape, f"The {found.shape} is {word}.", (found,))
    text = f"Is the {names[0]} {word} than the {names[1]}?"
    if one.size == other.size:
        return Question("comparison", text, "no", f"No, both are {one.size}.")
    truth = "yes" if one.size == wanted else "no"
    sentence = f"the {one.shape} is {one.size} and the {other.shape} is {other.size}."
    return Question("comparison", text, truth, f"{truth.capitalize()}, {sentence}")


def _colours(one: Thing, other: Thing, rng: random.Random) -> Question:
    names = [asked_shape(rng, thing.shape) for thing in (one, other)]
    text = rng.choice(
        (
            f"Are the {names[0]} and the {names[1]} the same colour?",
            f"Do the {names[0]} and the {names[1]} have the same colour?",
            f"Is the {names[0]} the same colour as the {names[1]}?",
        )
    )
    if one.colour == other.colour:
        return Question("comparison", text, "yes", f"Yes, both are {one.colour}.")
    sentence = f"No, the {one.shape} is {one.colour} and the {other.shape} is {other.colour}."
    return Question("comparison", text, "no", sentence)
