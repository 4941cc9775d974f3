"""Questions about kinds: which shapes, colours, animals there are, and how many different ones."""

from __future__ import annotations

import random

from inference.demo.question import Question
from inference.demo.wording import FAMILIES, a, counted, full_name, grouped, joined, place, short_name
from inference.demo.world import KINDS, Scene


def which_shapes(scene: Scene, rng: random.Random) -> Question | None:
    if not scene.things:
        return None
    text = rng.choice(
        (
            "What shapes are there?",
            "Which shapes do you see?",
            "What things are in the picture?",
            "Name the things.",
            "What objects are there?",
            "What shapes are in the picture?",
            "Which shapes are there?",
            "What kind of shapes are there?",
            "List the shapes.",
            "Name the shapes.",
            "What shapes do you see?",
            "What things do you see?",
            "Shapes?",
            "Things?",
        )
    )
    shapes = list(dict.fromkeys(thing.shape for thing in scene.things))
    return Question("which shapes", text, joined(shapes), f"I see {grouped(scene.things)}.")


def which_colours(scene: Scene, rng: random.Random) -> Question | None:
    if not scene.things:
        return None
    text = rng.choice(
        (
            "What colours are there?",
            "Which colours do you see?",
            "What colours do the things have?",
            "Name the colours.",
            "Which colours are there?",
            "What colours are in the picture?",
            "What colours do you see?",
            "List the colours.",
            "What colours are the things?",
            "What colours are the shapes?",
            "Colours?",
        )
    )
    colours = list(dict.fromkeys(thing.colour for thing in scene.things))
    verb = "is" if len(scene.things) == 1 else "are"
    noun = "thing" if len(scene.things) == 1 else "things"
    return Question("which colours", text, joined(colours), f"The {noun} {verb} {joined(colours)}.")


def how_many_kinds(scene: Scene, rng: random.Random) -> Question:
    """How many different colours or shapes; the answer lists them before it counts them."""
    of_colour = rng.random() < 0.6
    word = "colour" if of_colour else "shape"
    text = rng.choice(
        (
            f"How many {word}s are there?" if of_colour else "How many kinds of shapes are there?",
            f"How many different {word}s are there?",
            f"How many different {word}s do you see?",
            f"Count the different {word}s.",
        )
    )
    if not scene.things:
        return Question("number of kinds", text, "0", "There is nothing in the picture.")
    found = list(dict.fromkeys(thing.colour if of_colour else thing.shape for thing in scene.things))
    listed = joined(found) if of_colour else grouped(scene.things)
    number = counted(len(found), word, f"{word}s")
    return Question("number of kinds", text, str(len(found)), f"I see {listed}: {number}.")


def of_family(scene: Scene, rng: random.Random) -> Question:
    """Which animals, vehicles or plants there are."""
    present = [kind for kind in FAMILIES if any(thing.shape in KINDS[kind] for thing in scene.things)]
    family = rng.choice(present) if present and rng.random() < 0.8 else rng.choice(list(FAMILIES))
    one = FAMILIES[family]
    text = rng.choice(
        (
            f"What {one} is this?",
            f"Which {one} is it?",
            f"What {one} do you see?",
            f"Which {family} are there?",
            f"What {family} do you see?",
            f"What kind of {one} is it?",
        )
    )
    found = tuple(thing for thing in scene.things if thing.shape in KINDS[family])
    if not found:
        return Question("family", text, f"no {one}", f"There is no {one} in the picture.")
    names = joined([f"{a(full_name(thing))} {place(thing.cell)}" for thing in found])
    return Question(
        "family", text, joined([a(short_name(thing)) for thing in found]), f"There is {names}.", found
    )
