"""Questions about the whole scene: what there is, and how many."""

from __future__ import annotations

import random

from inference.demo.question import Question, absent_shape
from inference.demo.wording import a, counted, joined, listing, place, plural, short_listing, short_name
from inference.demo.world import COLOURS, SHAPES, Scene


def describe(scene: Scene, rng: random.Random) -> Question:
    text = rng.choice(
        (
            "What is in this image?",
            "What is in this picture?",
            "What is this?",
            "What's this?",
            "What do you see?",
            "What can you see in this picture?",
            "Describe this image.",
            "Describe this picture.",
            "Describe the picture in detail.",
            "What does this picture show?",
            "What is in the picture?",
            "What is on it?",
            "Tell me what you see.",
            "Caption this.",
            "What's in the image?",
            "Explain this picture.",
            "What am I looking at?",
            "Can you describe it?",
        )
    )
    if not scene.things:
        sentence = f"The picture is empty: just a {scene.background} background."
    else:
        sentence = f"This picture shows {listing(scene)}."
    only = scene.things[0] if len(scene.things) == 1 else None
    return Question("describe", text, short_listing(scene), sentence, only)


def shape_of_colour(scene: Scene, rng: random.Random) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"What is {name}?",
                f"Which thing is {name}?",
                f"What is the {name} thing?",
                f"What shape is the {name} one?",
                f"What shape is {name}?",
            )
        )

    colours = [thing.colour for thing in scene.things]
    if rng.random() < 0.08:
        name = rng.choice([c for c in COLOURS if c not in colours])
        return Question("shape", asked(name), "nothing", f"Nothing in the picture is {name}.")
    single = [thing for thing in scene.things if colours.count(thing.colour) == 1]
    if not single:
        return None
    thing = rng.choice(single)
    text = asked(thing.colour)
    if len(scene.things) == 1 and rng.random() < 0.3:
        text = rng.choice(("What shape is it?", "Which shape is it?", "What shape is this?"))
    return Question("shape", text, thing.shape, f"The {thing.colour} thing is {a(thing.shape)}.", thing)


def count(scene: Scene, rng: random.Random) -> Question:
    noun = rng.choice(("things", "objects", "shapes", "items", "things"))
    text = rng.choice(
        (
            f"How many {noun} are there?",
            f"How many {noun} do you see?",
            f"How many {noun} are in the picture?",
            f"Count the {noun}.",
        )
    )
    number = len(scene.things)
    verb = "is" if number == 1 else "are"
    return Question("number", text, str(number), f"There {verb} {counted(number, 'thing', 'things')}.")


def count_some(scene: Scene, rng: random.Random) -> Question:
    if rng.random() < 0.6:
        shape = rng.choice(scene.things).shape if scene.things and rng.random() < 0.75 else rng.choice(SHAPES)
        number = sum(thing.shape == shape for thing in scene.things)
        one, many = shape, plural(shape)
    else:
        name = (
            rng.choice(scene.things).colour if scene.things and rng.random() < 0.75 else rng.choice(COLOURS)
        )
        number = sum(thing.colour == name for thing in scene.things)
        one, many = f"{name} thing", f"{name} things"
    text = rng.choice(
        (
            f"How many {many} are there?",
            f"How many {many} do you see?",
            f"How many {many} are in the picture?",
        )
    )
    sentence = (
        f"There {'is' if number == 1 else 'are'} {counted(number, one, many) if number else 'no ' + many}."
    )
    return Question("number of kind", text, str(number), sentence)


def exists(scene: Scene, rng: random.Random) -> Question:
    thing = rng.choice(scene.things) if scene.things and rng.random() < 0.5 else None
    if rng.random() < 0.6:
        shape = thing.shape if thing else absent_shape(scene, rng)
        text = rng.choice(
            (f"Is there {a(shape)}?", f"Do you see {a(shape)}?", f"Is there {a(shape)} in the picture?")
        )
        found = [other for other in scene.things if other.shape == shape]
        if not found:
            return Question("existence", text, "no", f"No, there is no {shape}.")
    else:
        name = (
            thing.colour
            if thing
            else rng.choice([c for c in COLOURS if all(o.colour != c for o in scene.things)])
        )
        shape = (
            thing.shape if thing else rng.choice(scene.things).shape if scene.things else rng.choice(SHAPES)
        )
        text = rng.choice((f"Is there {a(name + ' ' + shape)}?", f"Do you see {a(name + ' ' + shape)}?"))
        found = [other for other in scene.things if other.shape == shape and other.colour == name]
        if not found:
            return Question("existence", text, "no", f"No, there is no {name} {shape}.")
    if len(found) == 1:
        return Question(
            "existence",
            text,
            "yes",
            f"Yes, there is {a(short_name(found[0]))} {place(found[0].cell)}.",
            found[0],
        )
    return Question("existence", text, "yes", f"Yes, there are {len(found)}.")


def background(scene: Scene, rng: random.Random) -> Question:
    text = rng.choice(
        (
            "What colour is the background?",
            "Which colour is the background?",
            "What is the background like?",
            "What's the background colour?",
        )
    )
    return Question("background", text, scene.background, f"The background is {scene.background}.")


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
        )
    )
    shapes = list(dict.fromkeys(thing.shape for thing in scene.things))
    return Question("which shapes", text, joined(shapes), f"I see {joined([a(shape) for shape in shapes])}.")


def which_colours(scene: Scene, rng: random.Random) -> Question | None:
    if not scene.things:
        return None
    text = rng.choice(
        (
            "What colours are there?",
            "Which colours do you see?",
            "What colours do the things have?",
            "Name the colours.",
        )
    )
    colours = list(dict.fromkeys(thing.colour for thing in scene.things))
    verb = "is" if len(scene.things) == 1 else "are"
    noun = "thing" if len(scene.things) == 1 else "things"
    return Question("which colours", text, joined(colours), f"The {noun} {verb} {joined(colours)}.")


def extreme(scene: Scene, rng: random.Random) -> Question | None:
    """Which thing is the biggest or smallest; people ask it also where several are."""
    if len(scene.things) < 2:
        return None
    size, word = rng.choice((("big", "biggest"), ("big", "largest"), ("small", "smallest")))
    text = rng.choice(
        (f"Which thing is the {word}?", f"What is the {word} thing?", f"Which is the {word} one?")
    )
    found = [thing for thing in scene.things if thing.size == size]
    if len(found) in (0, len(scene.things)):
        all_size = scene.things[0].size
        return Question("extreme", text, f"all are {all_size}", f"All the things are {all_size}.")
    names = joined([f"the {short_name(thing)}" for thing in found])
    verb = "is" if len(found) == 1 else "are"
    sentence = f"{names[0].upper()}{names[1:]} {verb} {size}."
    return Question(
        "extreme",
        text,
        joined([short_name(thing) for thing in found]),
        sentence,
        found[0] if len(found) == 1 else None,
    )
