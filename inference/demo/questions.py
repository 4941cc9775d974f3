"""Every kind of question, drawn at random, and those that lean on the question before."""

from __future__ import annotations

import random
from collections import Counter

from inference.demo.about_all import (
    background,
    describe,
    extreme,
    shape_of_colour,
    title,
)
from inference.demo.about_kinds import how_many_kinds, of_family, which_colours, which_shapes
from inference.demo.about_numbers import alike, count, count_some, exists
from inference.demo.about_one import (
    colour,
    colours_of_several,
    describe_one,
    is_colour,
    places_of_several,
    size,
    where,
)
from inference.demo.about_places import relation, what_at, what_beside
from inference.demo.about_two import comparison
from inference.demo.about_unknown import near, unfamiliar
from inference.demo.question import Maker, Question
from inference.demo.wording import a, capital, full_name, joined, place
from inference.demo.world import Scene, Thing

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
    "alike": alike,
    "comparison": comparison,
    "colour of several": colours_of_several,
    "position of several": places_of_several,
    "title": title,
    "number of kinds": how_many_kinds,
    "family": of_family,
    "unfamiliar": unfamiliar,
    "near": near,
}
# Those that few scenes allow have more weight, and those that are slow to be learnt.
_WEIGHTS = {
    "describe": 1.3,
    "colour": 1.7,
    "shape": 1.1,
    "position": 1.5,
    "at place": 2.2,
    "number of kind": 1.4,
    "existence": 1.4,
    "relation": 1.8,
    "beside": 4.5,
    "which shapes": 1.2,
    "extreme": 1.4,
    "alike": 1.2,
    "comparison": 2.6,
    "colour of several": 3.0,
    "position of several": 2.4,
}
_BEFORE_ELSE = (
    "describe",
    "describe one",
    "colour",
    "position",
    "size",
    "shape",
    "at place",
    "beside",
    "family",
    "follow-up",
)
"""What "anything else?" may follow, meaning anything else in the picture."""


def random_question(scene: Scene, rng: random.Random) -> Question:
    """A question of any kind that makes sense for the scene."""
    kinds = list(MAKERS)
    while True:
        kind = rng.choices(kinds, [_WEIGHTS.get(kind, 1.0) for kind in kinds])[0]
        question = MAKERS[kind](scene, rng)
        if question is not None:
            return question


class EveryKind:
    """Draws questions so that all kinds come about equally often."""

    def __init__(self) -> None:
        self._drawn = Counter[str]()

    def question(self, scene: Scene, rng: random.Random) -> Question:
        """A question that makes sense for the scene, of the kind that was drawn least."""
        for kind in sorted(MAKERS, key=self._drawn.__getitem__):
            question = MAKERS[kind](scene, rng)
            if question is not None:
                self._drawn[kind] += 1
                return question
        raise AssertionError("some kinds make sense for every scene")


def follow_up(before: Question, scene: Scene, rng: random.Random) -> Question | None:
    """A question that only makes sense after `before`; None where there is nothing to lean on."""
    if before.kind in _BEFORE_ELSE and rng.random() < 0.2:
        return _what_else(before, scene, rng)
    if len(before.told) > 1:
        return _their_colours(before, rng)
    thing = before.thing
    shapes = [other.shape for other in scene.things]
    if thing is None or shapes.count(thing.shape) != 1:
        return None
    others = [other for other in scene.things if other is not thing and shapes.count(other.shape) == 1]
    if others and before.kind in ("colour", "position", "size") and rng.random() < 0.5:
        return _and_the_other(before, rng.choice(others), scene, rng)
    return _more_of_it(before, thing, scene, rng)


def _what_else(before: Question, scene: Scene, rng: random.Random) -> Question:
    text = rng.choice(("Anything else?", "What else?", "What else is there?", "What else do you see?"))
    told = scene.things if before.all_told else before.told
    others = tuple(thing for thing in scene.things if thing not in told)
    if not others:
        return Question("follow-up", text, "nothing else", "That is all I see.", all_told=True)
    names = joined([f"{a(full_name(thing))} {place(thing.cell)}" for thing in others])
    # Where `before` is about an absent thing, nothing has been told yet.
    sentence = f"There is {'also ' if told else ''}{names}."
    return Question("follow-up", text, names, sentence, others, all_told=True)


def _their_colours(before: Question, rng: random.Random) -> Question | None:
    """The colours of several things that were told of, each by its name."""
    shapes = [thing.shape for thing in before.told]
    if len(set(shapes)) < len(shapes):
        return None
    text = rng.choice(
        ("And their colours?", "What colour are they?", "Which colours do they have?", "And its colour?")
    )
    sentence = joined([f"the {thing.shape} is {thing.colour}" for thing in before.told])
    short = joined([thing.colour for thing in before.told])
    return Question("follow-up", text, short, f"{capital(sentence)}.", before.told)


def _and_the_other(before: Question, other: Thing, scene: Scene, rng: random.Random) -> Question | None:
    text = rng.choice((f"And the {other.shape}?", f"What about the {other.shape}?", f"and the {other.shape}"))
    same = _ABOUT_ONE[before.kind](scene, rng, other)
    return None if same is None else Question("follow-up", text, same.short, same.sentence, (other,))


_ABOUT_ONE = {"colour": colour, "position": where, "size": size}
_OF_IT = {
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


def _more_of_it(before: Question, thing: Thing, scene: Scene, rng: random.Random) -> Question | None:
    kind = rng.choice([kind for kind in _OF_IT if kind != before.kind])
    same = _ABOUT_ONE[kind](scene, rng, thing)
    if same is None:
        return None
    text = rng.choice(_OF_IT[kind])
    if text in ("Is it big?", "Is it small?"):
        word = "Yes" if thing.size in text else "No"
        sentence = f"{word}, the {thing.shape} is {thing.size}."
        return Question("follow-up", text, word.lower(), sentence, (thing,))
    return Question("follow-up", text, same.short, same.sentence, (thing,))
