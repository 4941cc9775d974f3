"""Questions that lean on the one before: "And its colour?", "What is above it?", "Anything else?"."""

from __future__ import annotations

import random
from dataclasses import replace

from inference.demo.about_one import colour, is_colour, size, where
from inference.demo.about_places import relation, what_beside
from inference.demo.about_presence import is_at
from inference.demo.about_two import comparison, in_words
from inference.demo.about_unknown import near_it
from inference.demo.question import Question, as_it
from inference.demo.wording import a, capital, full_name, joined, place
from inference.demo.world import Scene, Thing

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
    "follow-up on it",
)
"""What "anything else?" may follow, meaning anything else in the picture."""


def follow_up(before: Question, scene: Scene, rng: random.Random) -> Question | None:
    """A question that only makes sense after `before`; None where there is nothing to lean on."""
    if before.kind in _BEFORE_ELSE and rng.random() < 0.2:
        return _what_else(before, scene, rng)
    if len(before.told) > 1:
        return _theirs(before, rng)
    thing = before.thing
    shapes = [other.shape for other in scene.things]
    if thing is None or shapes.count(thing.shape) != 1:
        return None
    others = [other for other in scene.things if other is not thing and shapes.count(other.shape) == 1]
    if others and before.kind in ("colour", "position", "size") and rng.random() < 0.5:
        return _and_the_other(before, rng.choice(others), scene, rng)
    if rng.random() < 0.5:
        return _about_it(thing, scene, rng)
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


def _theirs(before: Question, rng: random.Random) -> Question | None:
    """The colours, places or sizes of several things that were told of, each by its name."""
    shapes = [thing.shape for thing in before.told]
    if len(set(shapes)) < len(shapes):
        return None
    kind = rng.choices(list(_OF_THEM), (3, 1, 1))[0]
    shorts, clauses = zip(*(in_words(kind, thing) for thing in before.told), strict=True)
    text = rng.choice(_OF_THEM[kind])
    return Question("follow-up", text, joined([*shorts]), f"{capital(joined([*clauses]))}.", before.told)


_OF_THEM = {
    "colour": (
        "And their colours?",
        "What colour are they?",
        "Which colours do they have?",
        "And its colour?",
    ),
    "position": ("Where are they?", "And where are they?", "And their places?"),
    "size": ("How big are they?", "And their sizes?", "What size are they?"),
}


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
        "Colour?",
    ),
    "position": ("And where is it?", "Where is it?", "Where exactly?", "And its position?", "Where?"),
    "size": ("And its size?", "How big is it?", "Is it big or small?", "Is it big?", "Is it small?", "Size?"),
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


def _about_it(thing: Thing, scene: Scene, rng: random.Random) -> Question | None:
    """Whatever can be asked of a thing by its name, asked of "it"."""
    make = rng.choice((is_at, is_at, is_colour, what_beside, what_beside, relation, comparison, near_it))
    question = make(scene, rng, as_it(thing))
    return None if question is None else replace(question, kind="follow-up on it")
