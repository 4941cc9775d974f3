"""Questions about numbers: how many there are, whether there is any, whether two are alike."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from inference.demo.question import Question, absent_shape
from inference.demo.wording import (
    FAMILIES,
    a,
    asked_shape,
    capital,
    counted,
    joined,
    place,
    plural,
    several,
    short_name,
)
from inference.demo.world import COLOURS, KIND_OF, KINDS, SHAPES, SIZES, Scene, Thing


def count(scene: Scene, rng: random.Random) -> Question:
    noun = rng.choice(("things", "objects", "shapes", "items", "things"))
    text = rng.choice(
        (
            f"How many {noun} are there?",
            f"How many {noun} do you see?",
            f"How many {noun} are in the picture?",
            f"How many {noun}?",
            f"How many {noun} can you see?",
            f"Count the {noun}.",
            f"Number of {noun}?",
            "How many?",
            "How many are there?",
            "How many are there in total?",
        )
    )
    number = len(scene.things)
    if not number:
        return Question("number", text, "0", "There is nothing in the picture.")
    return Question("number", text, str(number), f"There {_so_many(number, 'thing', 'things')}.")


def _some(scene: Scene, rng: random.Random) -> tuple[str, str, Callable[[Thing], bool]]:
    """Something to count: its name for one, for several, and which things are meant."""
    like = rng.choice(scene.things) if scene.things and rng.random() < 0.75 else None
    shape = like.shape if like else rng.choice(SHAPES)
    colour = like.colour if like else rng.choice(COLOURS)
    size = like.size if like else rng.choice(SIZES)
    family = KIND_OF[shape] if KIND_OF[shape] in FAMILIES else rng.choice(list(FAMILIES))
    choices: tuple[tuple[str, str, Callable[[Thing], bool]], ...] = (
        (shape, plural(shape), lambda thing: thing.shape == shape),
        (f"{colour} thing", f"{colour} things", lambda thing: thing.colour == colour),
        (
            f"{colour} {shape}",
            f"{colour} {plural(shape)}",
            lambda thing: (thing.colour, thing.shape) == (colour, shape),
        ),
        (f"{size} thing", f"{size} things", lambda thing: thing.size == size),
        (FAMILIES[family], family, lambda thing: thing.shape in KINDS[family]),
    )
    return rng.choices(choices, (12, 6, 2, 2, 3))[0]


def count_some(scene: Scene, rng: random.Random) -> Question:
    one, many, meant = _some(scene, rng)
    number = sum(map(meant, scene.things))
    text = rng.choice(
        (
            f"How many {many} are there?",
            f"How many {many} do you see?",
            f"How many {many} are in the picture?",
            f"How many {many}?",
            f"Count the {many}.",
        )
    )
    return Question("number of kind", text, str(number), f"There {_so_many(number, one, many)}.")


def _so_many(number: int, one: str, many: str) -> str:
    return f"{'is' if number == 1 else 'are'} {counted(number, one, many) if number else f'no {many}'}"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A claim about a number: how it is asked with the number and a noun, and when it is true."""

    asked: tuple[str, ...]
    asked_of_one: tuple[str, ...]
    true: Callable[[int, int], bool]
    weight: int


_CLAIMS = (
    _Claim(
        (
            "Are there {} {}?",
            "Are there {} {}?",
            "Are there {} {} in the picture?",
            "Are there exactly {} {}?",
            "Do you see {} {}?",
            "Can you see {} {}?",
        ),
        ("Is there only {} {}?", "Is there just {} {}?", "Is there exactly {} {}?", "Do you see only {} {}?"),
        lambda number, claimed: number == claimed,
        6,
    ),
    _Claim(
        ("Are there more than {} {}?", "Do you see more than {} {}?"),
        ("Is there more than {} {}?", "Are there more than {} {}?", "Do you see more than {} {}?"),
        lambda number, claimed: number > claimed,
        3,
    ),
    _Claim(
        ("Are there fewer than {} {}?", "Are there less than {} {}?"),
        (),
        lambda number, claimed: number < claimed,
        1,
    ),
    _Claim(
        ("Are there at least {} {}?",),
        ("Is there at least {} {}?",),
        lambda number, claimed: number >= claimed,
        1,
    ),
)
_LETTERS = ("one", "two", "three", "four", "five")


def check_number(scene: Scene, rng: random.Random) -> Question:
    """Whether there are so many things, or more or fewer; answered with how many there are."""
    if rng.random() < 0.35:
        one, many = rng.choice((("thing", "things"), ("thing", "things"), ("object", "objects")))
        number = len(scene.things)
        told = (
            f"there {_so_many(number, 'thing', 'things')}." if number else "there is nothing in the picture."
        )
    else:
        one, many, meant = _some(scene, rng)
        number = sum(map(meant, scene.things))
        told = f"there {_so_many(number, one, many)}."
    truth = rng.random() < 0.5
    claims = [
        (claim, claimed)
        for claim in _CLAIMS
        for claimed in range(1, 6)
        if claim.true(number, claimed) == truth and (claimed > 1 or claim.asked_of_one)
    ]
    # Each claim is asked as often as it weighs, with however many numbers it is true or false.
    of_each = Counter(claim for claim, _ in claims)
    claim, claimed = rng.choices(claims, [claim.weight / of_each[claim] for claim, _ in claims])[0]
    written = rng.choice((_LETTERS[claimed - 1], _LETTERS[claimed - 1], str(claimed)))
    asked = rng.choice(claim.asked if claimed > 1 else claim.asked_of_one)
    word = "yes" if truth else "no"
    text = asked.format(written, many if claimed > 1 else one)
    return Question("check of number", text, word, f"{capital(word)}, {told}")


def exists(scene: Scene, rng: random.Random) -> Question:
    thing = rng.choice(scene.things) if scene.things and rng.random() < 0.5 else None
    absent = thing is None
    choice = rng.random()
    if choice < 0.5:
        shape = thing.shape if thing else absent_shape(scene, rng)
        called = asked_shape(rng, shape)
        name, asked, many = shape, called, plural(called)
        found = [other for other in scene.things if other.shape == shape]
    elif choice < 0.8:
        free = [c for c in COLOURS if all(other.colour != c for other in scene.things)]
        colour = thing.colour if thing else rng.choice(free)
        like = thing or (rng.choice(scene.things) if scene.things else None)
        shape = like.shape if like else rng.choice(SHAPES)
        name = asked = f"{colour} {shape}"
        many = f"{colour} {plural(shape)}"
        found = [other for other in scene.things if other.shape == shape and other.colour == colour]
    elif choice < 0.9:
        family = rng.choice([k for k in FAMILIES if absent or (thing and KIND_OF[thing.shape] == k)] or [""])
        family = family or rng.choice(list(FAMILIES))
        name = asked = FAMILIES[family]
        many = family
        found = [other for other in scene.things if other.shape in KINDS[family]]
    else:
        return _any_of_colour(scene, thing, rng)
    texts = [f"Is there {a(asked)}?", f"Do you see {a(asked)}?", f"Is there {a(asked)} in the picture?"]
    texts += [f"Are there any {many}?", f"Can you see {a(asked)}?", f"Any {many}?", f"{capital(asked)}?"]
    if len(scene.things) == 1 and choice < 0.8:
        texts += [f"Is this {a(asked)}?", f"Is it {a(asked)}?"]
    text = rng.choice(texts)
    if not found:
        return Question("existence", text, "no", f"No, there is no {name}.")
    if len(found) == 1:
        sentence = f"Yes, there is {a(short_name(found[0]))} {place(found[0].cell)}."
        return Question("existence", text, "yes", sentence, (found[0],))
    return Question("existence", text, "yes", f"Yes, there are {len(found)}.", tuple(found))


def _any_of_colour(scene: Scene, thing: Thing | None, rng: random.Random) -> Question:
    colour = thing.colour if thing else rng.choice(COLOURS)
    text = rng.choice(
        (f"Is there anything {colour}?", f"Is anything {colour}?", f"Do you see something {colour}?")
    )
    found = [other for other in scene.things if other.colour == colour]
    if not found:
        return Question("existence", text, "no", f"No, nothing is {colour}.")
    names = joined([f"the {other.shape}" for other in found])
    sentence = f"Yes, {names} {'is' if len(found) == 1 else 'are'} {colour}."
    return Question("existence", text, "yes", sentence, tuple(found))


def alike(scene: Scene, rng: random.Random) -> Question | None:
    """Whether two things share their shape or their colour, and which one."""
    if len(scene.things) < 2:
        return None
    of_shape = rng.random() < 0.6
    values = [thing.shape if of_shape else thing.colour for thing in scene.things]
    word = "shape" if of_shape else "colour"
    text = rng.choice(
        (
            f"Are there two of the same {word}?",
            f"Do two things have the same {word}?",
            f"Are any two things the same {word}?",
            f"Does any {word} appear twice?",
            *(("Are there two of the same?", "Are there two of the same kind?") if of_shape else ()),
        )
    )
    shared = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    if not shared:
        return Question("alike", text, "no", f"No, all the {word}s are different.")
    groups = [
        several(values.count(value), plural(value) if of_shape else f"{value} things") for value in shared
    ]
    return Question("alike", text, "yes", f"Yes, there are {joined(groups)}.")
