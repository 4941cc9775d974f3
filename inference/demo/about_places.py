"""Questions about places: what is where, and beside what."""

from __future__ import annotations

import random
from collections.abc import Callable

from inference.demo.question import (
    Named,
    Question,
    about_absent,
    absent_shape,
    by_shape,
    one_of_its_shape,
    two_of_their_shapes,
)
from inference.demo.wording import (
    PLACES,
    a,
    asked_place,
    asked_shape,
    asked_side,
    capital,
    exact_place,
    full_name,
    joined,
    place,
    short_name,
)
from inference.demo.world import Scene, Thing

# The things of a whole side, since "on the left" means a corner too. The single cell in the middle of a side
# has names of its own ("middle left").
SIDES: dict[str, Callable[[Thing], bool]] = {
    "left": lambda thing: thing.column == 0,
    "right": lambda thing: thing.column == 2,
    "top": lambda thing: thing.row == 0,
    "bottom": lambda thing: thing.row == 2,
}
BESIDE: dict[str, Callable[[Thing, Thing], bool]] = {
    "above": lambda one, other: one.row < other.row,
    "below": lambda one, other: one.row > other.row,
    "to the left of": lambda one, other: one.column < other.column,
    "to the right of": lambda one, other: one.column > other.column,
}
ASKED = {
    "above": ("above", "above", "over"),
    "below": ("below", "below", "under", "underneath", "beneath"),
    "to the left of": ("to the left of", "left of"),
    "to the right of": ("to the right of", "right of"),
}
"""How people say it."""
_OPPOSITE = {
    "above": "below",
    "below": "above",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
}
_ACROSS = {
    "above": ("to the left of", "to the right of"),
    "below": ("to the left of", "to the right of"),
    "to the left of": ("above", "below"),
    "to the right of": ("above", "below"),
}


def what_at(scene: Scene, rng: random.Random) -> Question:
    """What is in a cell of the grid, or on a whole side of the picture."""
    preposition = rng.choice(("in", "at", "on"))
    if rng.random() < 0.5:
        side = rng.choice(list(SIDES))
        spot, where = asked_side(rng, side), PLACES[side]
        found = [thing for thing in scene.things if SIDES[side](thing)]
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
            f"What can you see {preposition} the {spot}?",
            f"Which thing is {preposition} the {spot}?",
            f"What shape is {preposition} the {spot}?",
        )
    )
    if rng.random() < 0.15:
        text = rng.choice(
            (f"Is there anything {preposition} the {spot}?", f"Is there something {preposition} the {spot}?")
        )
        if not found:
            return Question("at place", text, "no", f"No, there is nothing {where}.")
        return Question("at place", text, "yes", f"Yes, there is {_listed(found)}.", tuple(found))
    if not found:
        return Question("at place", text, "nothing", f"There is nothing {where}.")
    return Question("at place", text, _named(found), f"There is {_listed(found)}.", tuple(found))


def what_beside(scene: Scene, rng: random.Random, of: Named | None = None) -> Question | None:
    """What is above, below or beside a thing: all that is in the rows or columns on that side of it.

    The sentence says first beside what: "on the left" alone could be meant of the thing as of the picture.
    """
    word = rng.choice(list(BESIDE))

    said = rng.choice(ASKED[word])

    def asked(name: str) -> str:
        return rng.choice(
            (
                f"What is {said} {name}?",
                f"What's {said} {name}?",
                f"What do you see {said} {name}?",
                f"Which things are {said} {name}?",
            )
        )

    if of is None and rng.random() < 0.06:
        absent = absent_shape(scene, rng)
        return about_absent("beside", asked(f"the {asked_shape(rng, absent)}"), absent)
    thing = one_of_its_shape(scene, rng) if of is None else of.thing
    if thing is None:
        return None
    named = of or by_shape(thing, rng)
    found = [other for other in scene.things if BESIDE[word](other, thing)]
    spot = f"{word} the {thing.shape}"
    if rng.random() < 0.15:
        text = f"Is there {rng.choice(('anything', 'something'))} {said} {named.asked}?"
        if not found:
            return Question("beside", text, "no", f"No, there is nothing {spot}.")
        return Question("beside", text, "yes", f"Yes, {spot} there is {_listed(found)}.", tuple(found))
    text = asked(named.asked)
    if not found:
        return Question("beside", text, "nothing", f"There is nothing {spot}.")
    sentence = f"{capital(spot)} there is {_listed(found)}."
    return Question("beside", text, _named(found), sentence, tuple(found))


def _listed(found: list[Thing]) -> str:
    return joined([f"{a(full_name(thing))} {place(thing.cell)}" for thing in found])


def _named(found: list[Thing]) -> str:
    return joined([a(short_name(thing)) for thing in found])


def relation(scene: Scene, rng: random.Random, of: Named | None = None) -> Question | None:
    """Whether one thing is above, below, left or right of another; if it is not, how it does stand to it."""
    pair = two_of_their_shapes(scene, rng, of.thing if of else None)
    if pair is None:
        return None
    one, other = pair
    truth = rng.random() < 0.5
    word = rng.choice([word for word, holds in BESIDE.items() if holds(one, other) == truth])
    named = of or by_shape(one, rng)
    text = f"Is {named.asked} {rng.choice(ASKED[word])} {by_shape(other, rng).asked}?"
    if BESIDE[word](one, other):
        return Question("relation", text, "yes", f"Yes, the {one.shape} is {word} the {other.shape}.", (one,))
    true = next(instead for instead in (_OPPOSITE[word], *_ACROSS[word]) if BESIDE[instead](one, other))
    return Question("relation", text, "no", f"No, the {one.shape} is {true} the {other.shape}.", (one,))
