"""Questions about one thing, or the things of one shape together: colour, place and size, or all of them."""

from __future__ import annotations

import random

from inference.demo.question import (
    Named,
    Question,
    about_absent,
    absent_shape,
    as_it,
    by_shape,
    one_of_its_name,
    one_of_its_shape,
    one_of_its_size,
    several_of_a_shape,
)
from inference.demo.wording import (
    a,
    asked_place,
    asked_shape,
    capital,
    full_name,
    joined,
    place,
    plural,
    short_name,
)
from inference.demo.world import CELLS, COLOURS, Scene, Thing

_ABSENT_SHARE = 0.08


def colour(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"What colour is the {name}?",
                f"What colour is the {name}?",
                f"Which colour is the {name}?",
                f"What colour does the {name} have?",
                f"What is the colour of the {name}?",
                f"What's the colour of the {name}?",
                f"Colour of the {name}?",
                f"Tell me the colour of the {name}.",
            )
        )

    if of is None and rng.random() < _ABSENT_SHARE:
        shape = absent_shape(scene, rng)
        return about_absent("colour", asked(asked_shape(rng, shape)), shape)
    sized = one_of_its_size(scene, rng) if of is None and rng.random() < 0.3 else None
    if sized is not None:
        called = f"{sized.size} {sized.shape}"
        return Question("colour", asked(called), sized.colour, f"The {called} is {sized.colour}.", (sized,))
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = asked_shape(rng, thing.shape)
    text = asked(f"{thing.size} {name}" if rng.random() < 0.06 else name)
    choice = rng.random()
    if len(scene.things) == 1 and choice < 0.2:
        text = rng.choice(("What colour is it?", "Which colour is it?", "What colour is this?"))
    elif choice < 0.12:
        pair = [thing.colour, rng.choice([c for c in COLOURS if c != thing.colour])]
        rng.shuffle(pair)
        text = f"Is the {name} {pair[0]} or {pair[1]}?"
    elif choice < 0.2:
        text = f"What colour is the thing in the {asked_place(rng, thing.cell)}?"
    return Question("colour", text, thing.colour, f"The {thing.shape} is {thing.colour}.", (thing,))


def colours_of_several(scene: Scene, rng: random.Random) -> Question | None:
    things = several_of_a_shape(scene, rng)
    if things is None:
        return None
    shape = things[0].shape
    called = asked_shape(rng, shape)
    text = rng.choice(
        (
            f"What colour are the {plural(called)}?",
            f"Which colour are the {plural(called)}?",
            f"What colours are the {plural(called)}?",
            f"What colour do the {plural(called)} have?",
            f"What colour is the {called}?",
        )
    )
    names = joined(list(dict.fromkeys(thing.colour for thing in things)))
    return Question("colour of several", text, names, f"The {plural(shape)} are {names}.", tuple(things))


def where(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"Where is the {name}?",
                f"Where is the {name}?",
                f"In which part of the picture is the {name}?",
                f"Where's the {name}?",
                f"Where do you see the {name}?",
                f"Where in the picture is the {name}?",
                f"Find the {name}.",
            )
        )

    if of is None and rng.random() < _ABSENT_SHARE:
        shape = absent_shape(scene, rng)
        return about_absent("position", asked(asked_shape(rng, shape)), shape)
    if of is None and rng.random() < 0.35:
        by_size = rng.random() < 0.3
        named = one_of_its_size(scene, rng) if by_size else one_of_its_name(scene, rng)
        if named is not None:
            name = f"{named.size} {named.shape}" if by_size else short_name(named)
            return Question(
                "position", asked(name), CELLS[named.cell], f"The {name} is {place(named.cell)}.", (named,)
            )
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    text = asked(asked_shape(rng, thing.shape))
    return Question(
        "position", text, CELLS[thing.cell], f"The {thing.shape} is {place(thing.cell)}.", (thing,)
    )


def places_of_several(scene: Scene, rng: random.Random) -> Question | None:
    things = several_of_a_shape(scene, rng)
    if things is None:
        return None
    shape = things[0].shape
    called = asked_shape(rng, shape)
    text = rng.choice(
        (f"Where are the {plural(called)}?", f"Where are the {plural(called)}?", f"Where is the {called}?")
    )
    sentence = f"The {plural(shape)} are {joined([place(thing.cell) for thing in things])}."
    places = joined([CELLS[thing.cell] for thing in things])
    return Question("position of several", text, places, sentence, tuple(things))


def size(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"How big is the {name}?",
                f"Is the {name} big or small?",
                f"What size is the {name}?",
                f"Is the {name} small or big?",
                f"How large is the {name}?",
            )
        )

    if of is None and rng.random() < _ABSENT_SHARE:
        shape = absent_shape(scene, rng)
        return about_absent("size", asked(asked_shape(rng, shape)), shape)
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = asked_shape(rng, thing.shape)
    if of is None and rng.random() < 0.2:
        wanted, word = rng.choice((("big", "big"), ("big", "large"), ("small", "small")))
        truth = "yes" if wanted == thing.size else "no"
        sentence = f"{capital(truth)}, the {thing.shape} is {thing.size}."
        return Question("size", f"Is the {name} {word}?", truth, sentence, (thing,))
    return Question("size", asked(name), thing.size, f"The {thing.shape} is {thing.size}.", (thing,))


def is_colour(scene: Scene, rng: random.Random, of: Named | None = None) -> Question | None:
    if of is None and rng.random() < _ABSENT_SHARE:
        shape = absent_shape(scene, rng)
        text = f"Is the {asked_shape(rng, shape)} {rng.choice(COLOURS)}?"
        return about_absent("check", text, shape)
    if of is None and len(scene.things) == 1 and rng.random() < 0.2:
        of = as_it(scene.things[0])
    thing = of.thing if of else one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = thing.colour if rng.random() < 0.5 else rng.choice(COLOURS)
    text = f"Is {(of or by_shape(thing, rng)).asked} {name}?"
    if name == thing.colour:
        return Question("check", text, "yes", f"Yes, the {thing.shape} is {name}.", (thing,))
    return Question("check", text, "no", f"No, the {thing.shape} is {thing.colour}.", (thing,))


def describe_one(scene: Scene, rng: random.Random) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"Describe the {name}.",
                f"Tell me about the {name}.",
                f"What is the {name} like?",
                f"What does the {name} look like?",
                f"Tell me more about the {name}.",
            )
        )

    if rng.random() < 0.15:
        shape = absent_shape(scene, rng)
        return about_absent("describe one", asked(asked_shape(rng, shape)), shape)
    thing = one_of_its_shape(scene, rng)
    if thing is None:
        return None
    text = asked(asked_shape(rng, thing.shape))
    sentence = f"It is {a(full_name(thing))} {place(thing.cell)}."
    return Question("describe one", text, f"{thing.size} and {thing.colour}", sentence, (thing,))
