"""Questions whether a thing is at a place: in a part of the picture, or beside another thing."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from inference.demo.about_places import ASKED, BESIDE, SIDES
from inference.demo.question import Named, Question, about_absent, absent_shape, by_shape, told_apart
from inference.demo.wording import (
    a,
    asked_place,
    asked_shape,
    asked_side,
    capital,
    joined,
    place,
    plural,
    short_name,
)
from inference.demo.world import CELLS, COLOURS, Scene, Thing


@dataclass(frozen=True, slots=True)
class _Spot:
    asked: str
    """As a person may call it, with its preposition."""
    holds: Callable[[Thing], bool]


def _parts(rng: random.Random) -> list[_Spot]:
    """The sides of the picture, or its cells: sides are asked about more, and leave out the centre."""
    preposition = rng.choice(("in", "at", "on"))
    if rng.random() < 0.6:
        return [_Spot(f"{preposition} the {asked_side(rng, side)}", holds) for side, holds in SIDES.items()]
    return [
        _Spot(f"{preposition} the {asked_place(rng, cell)}", partial(_in_cell, cell))
        for cell in range(len(CELLS))
    ]


def _in_cell(cell: int, thing: Thing) -> bool:
    return thing.cell == cell


def _beside(scene: Scene, but: Thing | None, rng: random.Random) -> list[_Spot]:
    """The four sides of each thing, but one, that its shape tells from the others."""
    shapes = [thing.shape for thing in scene.things]
    return [
        _Spot(
            f"{rng.choice(ASKED[word])} {by_shape(other, rng).asked}",
            partial(_stands, word, other),
        )
        for other in scene.things
        if other is not but and shapes.count(other.shape) == 1
        for word in BESIDE
    ]


def _stands(word: str, other: Thing, thing: Thing) -> bool:
    """Whether `thing` is above, below, left or right of the other, as the word says."""
    return BESIDE[word](thing, other)


def is_at(scene: Scene, rng: random.Random, of: Named | None = None) -> Question | None:
    """Whether the thing is in a part of the picture, or in which of two; answered with where it is."""
    if of is None and rng.random() < 0.08:
        shape = absent_shape(scene, rng)
        text = f"Is the {asked_shape(rng, shape)} {rng.choice(_parts(rng)).asked}?"
        return about_absent("check of place", text, shape)
    named = of or told_apart(scene, rng)
    if named is None:
        return None
    thing, answer = named.thing, f"the {named.name} is {place(named.thing.cell)}."
    if rng.random() < 0.12:
        pair = rng.choice((["left", "right"], ["top", "bottom"]))
        rng.shuffle(pair)
        one, other = (f"{'on' if side in ('left', 'right') else 'at'} the {side}" for side in pair)
        text = f"Is {named.asked} {one} or {other}?"
        return Question("check of place", text, CELLS[thing.cell], capital(answer), (thing,))
    here = rng.random() < 0.5
    spots: list[_Spot] = []
    while not spots:  # the centre is on no side
        spots = [spot for spot in _parts(rng) if spot.holds(thing) == here]
    spot = rng.choice(spots)
    text = rng.choice(("Is {} {}?", "Is {} {}?", "Is {} located {}?", "Is {} placed {}?"))
    truth = "yes" if here else "no"
    return Question(
        "check of place", text.format(named.asked, spot.asked), truth, f"{capital(truth)}, {answer}", (thing,)
    )


def exists_at(scene: Scene, rng: random.Random) -> Question:
    """Whether there is such a thing at a place; if it is elsewhere, the answer says where."""
    like = rng.choice(scene.things) if scene.things and rng.random() < 0.72 else None
    sought = _sought(like, scene, rng)
    here = rng.random() < 0.68
    spots = _beside(scene, like, rng) if rng.random() < 0.3 else []
    fitting = [spot for spot in spots if like is None or spot.holds(like) == here]
    while not fitting:
        fitting = [spot for spot in _parts(rng) if like is None or spot.holds(like) == here]
    spot = rng.choice(fitting)
    text = rng.choice(sought.asked).format(spot.asked)
    alike = [thing for thing in scene.things if sought.meant(thing)]
    found = [thing for thing in alike if spot.holds(thing)]
    if found:
        names = joined([f"{a(short_name(thing))} {place(thing.cell)}" for thing in found])
        return Question("existence at place", text, "yes", f"Yes, there is {names}.", tuple(found))
    if not alike:
        return Question("existence at place", text, "no", f"No, {sought.absent}.")
    name, verb = (sought.one(alike[0]), "is") if len(alike) == 1 else (sought.many, "are")
    sentence = f"No, the {name} {verb} {joined([place(thing.cell) for thing in alike])}."
    return Question("existence at place", text, "no", sentence, tuple(alike))


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is asked for: the questions with {} for the spot, which things are meant, and their names."""

    asked: tuple[str, ...]
    meant: Callable[[Thing], bool]
    one: Callable[[Thing], str]
    many: str
    absent: str


def _sought(like: Thing | None, scene: Scene, rng: random.Random) -> _Sought:
    """Things of the shape, the colour or both of `like`; without it, of such as are not there."""
    shape = like.shape if like else absent_shape(scene, rng)
    choice = rng.random()
    if choice < 0.65:
        called = asked_shape(rng, shape)
        return _Sought(
            _asked_for(called),
            lambda thing: thing.shape == shape,
            lambda thing: thing.shape,
            plural(shape),
            f"there is no {shape}",
        )
    colour = like.colour if like else rng.choice(COLOURS)
    if choice < 0.85:
        return _Sought(
            _asked_for(f"{colour} {shape}"),
            lambda thing: (thing.colour, thing.shape) == (colour, shape),
            short_name,
            f"{colour} {plural(shape)}",
            f"there is no {colour} {shape}",
        )
    return _Sought(
        (
            f"Is there anything {colour} {{}}?",
            f"Is there something {colour} {{}}?",
            f"Is there a {colour} thing {{}}?",
            f"Do you see anything {colour} {{}}?",
        ),
        lambda thing: thing.colour == colour,
        short_name,
        f"{colour} things",
        f"nothing is {colour}",
    )


def _asked_for(name: str) -> tuple[str, ...]:
    return (
        f"Is there {a(name)} {{}}?",
        f"Is there {a(name)} {{}}?",
        f"Do you see {a(name)} {{}}?",
        f"Can you see {a(name)} {{}}?",
        f"Are there any {plural(name)} {{}}?",
    )
