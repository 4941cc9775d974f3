"""Questions about one thing: its colour, place and size, or all of them."""

from __future__ import annotations

import random

from inference.demo.question import Question, about_absent, absent_shape, one_of_its_name, one_of_its_shape
from inference.demo.wording import a, asked_shape, full_name, joined, place, plural, short_name
from inference.demo.world import CELLS, COLOURS, Scene, Thing


def colour(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"What colour is the {name}?",
                f"Which colour is the {name}?",
                f"What colour does the {name} have?",
            )
        )

    if of is None and rng.random() < 0.08:
        shape = absent_shape(scene, rng)
        return about_absent("colour", asked(asked_shape(rng, shape)), shape)
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return _colours_of_many(scene, rng)
    text = asked(asked_shape(rng, thing.shape))
    if len(scene.things) == 1 and rng.random() < 0.2:
        text = rng.choice(("What colour is it?", "Which colour is it?"))
    return Question("colour", text, thing.colour, f"The {thing.shape} is {thing.colour}.", thing)


def _colours_of_many(scene: Scene, rng: random.Random) -> Question | None:
    if not scene.things:
        return None
    shape = rng.choice(scene.things).shape
    colours = [thing.colour for thing in scene.things if thing.shape == shape]
    text = f"What colour are the {plural(shape)}?"
    if len(set(colours)) == 1:
        return Question("colour", text, colours[0], f"The {plural(shape)} are {colours[0]}.")
    names = joined(list(dict.fromkeys(colours)))
    return Question("colour", text, names, f"The {plural(shape)} are {names}.")


def where(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"Where is the {name}?",
                f"Where is the {name}?",
                f"In which part of the picture is the {name}?",
                f"Where's the {name}?",
            )
        )

    if of is None and rng.random() < 0.08:
        shape = absent_shape(scene, rng)
        return about_absent("position", asked(asked_shape(rng, shape)), shape)
    if of is None and rng.random() < 0.35:
        named = one_of_its_name(scene, rng)
        if named is not None:
            name = short_name(named)
            return Question(
                "position", asked(name), CELLS[named.cell], f"The {name} is {place(named.cell)}.", named
            )
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    text = asked(asked_shape(rng, thing.shape))
    return Question("position", text, CELLS[thing.cell], f"The {thing.shape} is {place(thing.cell)}.", thing)


def size(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = asked_shape(rng, thing.shape)
    text = rng.choice(
        (
            f"How big is the {name}?",
            f"Is the {name} big or small?",
            f"What size is the {name}?",
            f"Is the {name} small or big?",
        )
    )
    return Question("size", text, thing.size, f"The {thing.shape} is {thing.size}.", thing)


def is_colour(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    thing = of or one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = thing.colour if rng.random() < 0.5 else rng.choice(COLOURS)
    text = f"Is the {asked_shape(rng, thing.shape)} {name}?"
    if name == thing.colour:
        return Question("check", text, "yes", f"Yes, the {thing.shape} is {name}.", thing)
    return Question("check", text, "no", f"No, the {thing.shape} is {thing.colour}.", thing)


def describe_one(scene: Scene, rng: random.Random) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"Describe the {name}.",
                f"Tell me about the {name}.",
                f"What is the {name} like?",
                f"What does the {name} look like?",
            )
        )

    if rng.random() < 0.15:
        shape = absent_shape(scene, rng)
        return about_absent("describe one", asked(shape), shape)
    thing = one_of_its_shape(scene, rng)
    if thing is None:
        return None
    text = asked(asked_shape(rng, thing.shape))
    sentence = f"It is {a(full_name(thing))} {place(thing.cell)}."
    return Question("describe one", text, f"{thing.size} and {thing.colour}", sentence, thing)
