"""Every kind of question that stands by itself, drawn at random."""

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
from inference.demo.about_numbers import alike, check_number, count, count_some, exists
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
from inference.demo.about_presence import exists_at, is_at
from inference.demo.about_two import comparison, two_at_once
from inference.demo.about_unknown import near, unfamiliar
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
    "alike": alike,
    "comparison": comparison,
    "colour of several": colours_of_several,
    "position of several": places_of_several,
    "title": title,
    "number of kinds": how_many_kinds,
    "family": of_family,
    "unfamiliar": unfamiliar,
    "near": near,
    "check of place": is_at,
    "existence at place": exists_at,
    "check of number": check_number,
    "two at once": two_at_once,
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
    "check of place": 2.5,
    "existence at place": 3.0,
    "check of number": 3.0,
    "two at once": 2.5,
}


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
