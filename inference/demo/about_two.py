"""Questions about two things: which is bigger, whether they are alike, and two facts asked for at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from inference.demo.question import (
    Named,
    Question,
    absent_shape,
    by_shape,
    one_of_its_shape,
    two_of_their_shapes,
)
from inference.demo.wording import a, asked_shape, capital, joined, place, short_name
from inference.demo.world import CELLS, Scene, Thing


def comparison(scene: Scene, rng: random.Random, of: Named | None = None) -> Question | None:
    """Which of two things is bigger, or whether they have one colour.

    `of`: the first of them, for questions that may call it "it".
    """
    pair = two_of_their_shapes(scene, rng, of.thing if of else None)
    if pair is None:
        return None
    one, other = of or by_shape(pair[0], rng), by_shape(pair[1], rng)
    if rng.random() < 0.4:
        return _colours(one, other, rng)
    return _is_bigger(one, other, rng) if of or rng.random() < 0.5 else _which_is_bigger(one, other, rng)


_BIGGER: tuple[tuple[str, str], ...] = (("big", "bigger"), ("big", "larger"), ("small", "smaller"))


def _which_is_bigger(first: Named, second: Named, rng: random.Random) -> Question:
    one, other = first.thing, second.thing
    wanted, word = rng.choice(_BIGGER)
    text = rng.choice(
        (
            f"Which is {word}, {first.asked} or {second.asked}?",
            f"What is {word}, {first.asked} or {second.asked}?",
            f"Is {first.asked} or {second.asked} {word}?",
        )
    )
    if one.size == other.size:
        return Question("comparison", text, f"both are {one.size}", f"Both are {one.size}.")
    found = one if one.size == wanted else other
    return Question("comparison", text, found.shape, f"The {found.shape} is {word}.", (found,))


def _is_bigger(first: Named, second: Named, rng: random.Random) -> Question:
    one, other = first.thing, second.thing
    wanted, word = rng.choice(_BIGGER)
    text = f"Is {first.asked} {word} than {second.asked}?"
    if one.size == other.size:
        return Question("comparison", text, "no", f"No, both are {one.size}.")
    truth = "yes" if one.size == wanted else "no"
    sentence = f"the {one.shape} is {one.size} and the {other.shape} is {other.size}."
    return Question("comparison", text, truth, f"{capital(truth)}, {sentence}")


def _colours(first: Named, second: Named, rng: random.Random) -> Question:
    one, other = first.thing, second.thing
    texts = [
        f"Is {first.asked} the same colour as {second.asked}?",
        f"Does {first.asked} have the same colour as {second.asked}?",
    ]
    if first.asked != "it":
        texts += [
            f"Are {first.asked} and {second.asked} the same colour?",
            f"Do {first.asked} and {second.asked} have the same colour?",
        ]
    text = rng.choice(texts)
    if one.colour == other.colour:
        return Question("comparison", text, "yes", f"Yes, both are {one.colour}.")
    sentence = f"No, the {one.shape} is {one.colour} and the {other.shape} is {other.colour}."
    return Question("comparison", text, "no", sentence)


def two_at_once(scene: Scene, rng: random.Random) -> Question | None:
    """Two facts asked for together: of two things, of one, or whether there are both."""
    choice = rng.random()
    if choice < 0.3:
        return _both_there(scene, rng)
    if choice < 0.45:
        return _two_of_one(scene, rng)
    pair = two_of_their_shapes(scene, rng)
    if pair is None:
        return None
    kinds = (rng.choice(list(FACTS)),) * 2 if rng.random() < 0.7 else tuple(rng.sample(list(FACTS), 2))
    names = [by_shape(thing, rng).asked for thing in pair]
    if rng.random() < 0.1:
        absent = absent_shape(scene, rng)
        names[1] = f"the {asked_shape(rng, absent)}"
        parts = [in_words(kinds[0], pair[0]), (f"no {absent}", f"there is no {absent}")]
        told: tuple[Thing, ...] = pair[:1]
    else:
        parts = [in_words(kind, thing) for kind, thing in zip(kinds, pair, strict=True)]
        told = pair
    if kinds[0] == kinds[1]:
        text = rng.choice(FACTS[kinds[0]].of_both).format(*names)
    else:
        clauses = [
            rng.choice(FACTS[kind].of_one).format(name) for kind, name in zip(kinds, names, strict=True)
        ]
        text = f"{capital(joined(clauses))}?"
    shorts, sentences = zip(*parts, strict=True)
    return Question("two at once", text, joined([*shorts]), f"{capital(joined([*sentences]))}.", told)


@dataclass(frozen=True, slots=True)
class _Fact:
    of_one: tuple[str, ...]
    of_both: tuple[str, ...]
    short: Callable[[Thing], str]
    said: Callable[[Thing], str]
    """What a sentence says that the thing is."""


FACTS = {
    "colour": _Fact(
        ("what colour is {}", "which colour is {}"),
        (
            "What colour are {} and {}?",
            "What colour are {} and {}?",
            "What colour is {} and {}?",
            "What colours are {} and {}?",
            "Which colours do {} and {} have?",
            "What are the colours of {} and {}?",
            "What colour is {} and what colour is {}?",
        ),
        lambda thing: thing.colour,
        lambda thing: thing.colour,
    ),
    "position": _Fact(
        ("where is {}",),
        (
            "Where are {} and {}?",
            "Where are {} and {}?",
            "Where is {} and {}?",
            "Where is {} and where is {}?",
            "Find {} and {}.",
        ),
        lambda thing: CELLS[thing.cell],
        lambda thing: place(thing.cell),
    ),
    "size": _Fact(
        ("how big is {}", "what size is {}"),
        ("How big are {} and {}?", "What size are {} and {}?", "What sizes do {} and {} have?"),
        lambda thing: thing.size,
        lambda thing: thing.size,
    ),
}


def in_words(kind: str, thing: Thing) -> tuple[str, str]:
    """A fact about the thing: in short, and as a clause."""
    return FACTS[kind].short(thing), f"the {thing.shape} is {FACTS[kind].said(thing)}"


def _two_of_one(scene: Scene, rng: random.Random) -> Question | None:
    thing = one_of_its_shape(scene, rng)
    if thing is None:
        return None
    kinds = rng.sample(list(FACTS), 2)
    clauses = [
        rng.choice(FACTS[kind].of_one).format(name)
        for kind, name in zip(kinds, (by_shape(thing, rng).asked, "it"), strict=True)
    ]
    facts = [FACTS[kind] for kind in kinds]
    sentence = f"The {thing.shape} is {joined([fact.said(thing) for fact in facts])}."
    short = joined([fact.short(thing) for fact in facts])
    return Question("two at once", f"{capital(joined(clauses))}?", short, sentence, (thing,))


def _both_there(scene: Scene, rng: random.Random) -> Question | None:
    """Whether there are two things together, or one of two."""
    asked: dict[str, Thing | None] = {}
    while len(asked) < 2:
        thing = one_of_its_shape(scene, rng) if rng.random() < 0.8 else None
        asked[thing.shape if thing else absent_shape(scene, rng)] = thing
    shapes = list(asked)
    names = [a(asked_shape(rng, shape)) for shape in shapes]
    either = rng.random() < 0.3
    pair = (" or " if either else " and ").join(names)
    texts = [f"Is there {pair}?", f"Do you see {pair}?", f"Can you see {pair}?"]
    if not either:
        texts += [f"Are there {pair}?", f"Is there both {pair}?"]
    text = rng.choice(texts)
    found = [thing for thing in asked.values() if thing]
    names = [f"{a(short_name(thing))} {place(thing.cell)}" for thing in found]
    if len(found) == 2 or (found and either):
        return Question("two at once", text, "yes", f"Yes, there is {joined(names)}.", tuple(found))
    if not found:
        none = joined([f"no {shape}" for shape in shapes])
        return Question("two at once", text, "no", f"No, there is {none}.")
    missing = next(shape for shape, thing in asked.items() if thing is None)
    sentence = f"No, there is {names[0]} but no {missing}."
    return Question("two at once", text, "no", sentence, tuple(found))
