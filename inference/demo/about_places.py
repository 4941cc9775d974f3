"""Questions about places: what is where, and beside what."""

from __future__ import annotations

import random
from collections.abc import Callable

from inference.demo.question import Question, one_of_its_shape
from inference.demo.wording import (
    PLACES,
    a,
    asked_place,
    asked_shape,
    asked_side,
    exact_place,
    full_name,
    joined,
    place,
    short_name,
)
from inference.demo.world import Scene, Thing

# The things of a whole side, since "on the left" means a corner too. The single cell in the middle of a side
# has names of its own ("middle left").
_SIDES: dict[str, Callable[[Thing], bool]] = {
    "left": lambda thing: thing.column == 0,
    "right": lambda thing: thing.column == 2,
    "top": lambda thing: thing.row == 0,
    "bottom": lambda thing: thing.row == 2,
}
_BESIDE: dict[str, Callable[[Thing, Thing], bool]] = {
    "above": lambda one, other: one.row < other.row,
    "below": lambda one, other: one.row > other.row,
    "to the left of": lambda one, other: one.column < other.column,
    "to the right of": lambda one, other: one.column > other.column,
}
_OPPOSITE = {
    "above": "below",
    "below": "above",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
}


def what_at(scene: Scene, rng: random.Random) -> Question:
    """What is in a cell of the grid, or on a whole side of the picture."""
    preposition = rng.choice(("in", "at", "on"))
    if rng.random() < 0.5:
        side = rng.choice(list(_SIDES))
        spot, where = asked_side(rng, side), PLACES[side]
        found = [thing for thing in scene.things if _SIDES[side](thing)]
    else:
        taken = [thing.cell for thing in scene.things]
        cell = rng.choice(taken) if taken and rng.random() < 0.75 else rng.randrange(9)
        spot, where = asked_place(rng, cell), exact_place(cell)
        found = [thing for thing in scene.things if thing.cell == cell]
    text = rng.choice(
        (
            f"What is {preposition} the {spot}?",
            f"What do you see {preposition} the {spot}?",
            f"What's {preposition} the {spot}?",
        )
    )
    return _found("at place", text, found, f"There is nothing {where}.")


def what_beside(scene: Scene, rng: random.Random) -> Question | None:
    """What is above, below or beside a thing."""
    thing = one_of_its_shape(scene, rng)
    if thing is None:
        return None
    word = rng.choice(list(_BESIDE))
    found = [other for other in scene.things if _BESIDE[word](other, thing)]
    text = rng.choice(
        (f"What is {word} the {thing.shape}?", f"What's {word} the {asked_shape(rng, thing.shape)}?")
    )
    return _found("beside", text, found, f"There is nothing {word} the {thing.shape}.")


def _found(kind: str, text: str, found: list[Thing], nothing: str) -> Question:
    if not found:
        return Question(kind, text, "nothing", nothing)
    return Question(
        kind,
        text,
        joined([a(short_name(thing)) for thing in found]),
        f"There is {joined([f'{a(full_name(thing))} {place(thing.cell)}' for thing in found])}.",
        found[0] if len(found) == 1 else None,
    )


def relation(scene: Scene, rng: random.Random) -> Question | None:
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    if len(single) < 2:
        return None
    one, other = rng.sample(single, 2)
    words = [word for word, holds in _BESIDE.items() if holds(one, other) or holds(other, one)]
    word = rng.choice(words)
    text = f"Is the {one.shape} {word} the {other.shape}?"
    if _BESIDE[word](one, other):
        return Question("relation", text, "yes", f"Yes, the {one.shape} is {word} the {other.shape}.", one)
    return Question(
        "relation", text, "no", f"No, the {one.shape} is {_OPPOSITE[word]} the {other.shape}.", one
    )
