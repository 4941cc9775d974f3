"""Questions about a scene with their true answers, short (for VQA) and as a sentence (for conversation)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from inference.demo.wording import (
    a,
    asked_place,
    asked_shape,
    counted,
    full_name,
    joined,
    listing,
    place,
    plural,
    short_listing,
    short_name,
)
from inference.demo.world import CELLS, COLOURS, SHAPES, Scene, Thing


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    text: str
    short: str
    sentence: str
    thing: Thing | None = None
    """The thing it was about, to which a follow-up ("and its size?") may refer."""


Maker = Callable[[Scene, random.Random], Question | None]


def _one_of_its_shape(scene: Scene, rng: random.Random) -> Thing | None:
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    return rng.choice(single) if single else None


def _absent_shape(scene: Scene, rng: random.Random) -> str:
    present = {thing.shape for thing in scene.things}
    return rng.choice([shape for shape in SHAPES if shape not in present])


def _about_absent(kind: str, text: str, shape: str) -> Question:
    return Question(kind, text, f"no {shape}", f"There is no {shape} in the picture.")


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
        shape = _absent_shape(scene, rng)
        return _about_absent("colour", asked(asked_shape(rng, shape)), shape)
    thing = of or _one_of_its_shape(scene, rng)
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
        shape = _absent_shape(scene, rng)
        return _about_absent("position", asked(asked_shape(rng, shape)), shape)
    thing = of or _one_of_its_shape(scene, rng)
    if thing is None:
        return None
    text = asked(asked_shape(rng, thing.shape))
    return Question("position", text, CELLS[thing.cell], f"The {thing.shape} is {place(thing.cell)}.", thing)


def what_at(scene: Scene, rng: random.Random) -> Question | None:
    taken = {thing.cell: thing for thing in scene.things}
    cell = rng.choice(list(taken)) if taken and rng.random() < 0.75 else rng.randrange(9)
    spot = asked_place(rng, cell)
    preposition = rng.choice(("in", "at", "on"))
    text = rng.choice(
        (
            f"What is {preposition} the {spot}?",
            f"What do you see {preposition} the {spot}?",
            f"What's {preposition} the {spot}?",
        )
    )
    if cell not in taken:
        return Question("at place", text, "nothing", f"There is nothing {place(cell)}.")
    thing = taken[cell]
    return Question(
        "at place", text, a(short_name(thing)), f"There is {a(full_name(thing))} {place(cell)}.", thing
    )


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


def size(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    thing = of or _one_of_its_shape(scene, rng)
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


def exists(scene: Scene, rng: random.Random) -> Question:
    thing = rng.choice(scene.things) if scene.things and rng.random() < 0.5 else None
    if rng.random() < 0.6:
        shape = thing.shape if thing else _absent_shape(scene, rng)
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


def is_colour(scene: Scene, rng: random.Random, of: Thing | None = None) -> Question | None:
    thing = of or _one_of_its_shape(scene, rng)
    if thing is None:
        return None
    name = thing.colour if rng.random() < 0.5 else rng.choice(COLOURS)
    text = f"Is the {asked_shape(rng, thing.shape)} {name}?"
    if name == thing.colour:
        return Question("check", text, "yes", f"Yes, the {thing.shape} is {name}.", thing)
    return Question("check", text, "no", f"No, the {thing.shape} is {thing.colour}.", thing)


def relation(scene: Scene, rng: random.Random) -> Question | None:
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    if len(single) < 2:
        return None
    one, other = rng.sample(single, 2)
    words: list[tuple[str, bool]] = []
    if one.row != other.row:
        words += [("above", one.row < other.row), ("below", one.row > other.row)]
    if one.column != other.column:
        words += [
            ("to the left of", one.column < other.column),
            ("to the right of", one.column > other.column),
        ]
    word, true = rng.choice(words)
    text = f"Is the {one.shape} {word} the {other.shape}?"
    opposite = {
        "above": "below",
        "below": "above",
        "to the left of": "to the right of",
        "to the right of": "to the left of",
    }
    if true:
        return Question("relation", text, "yes", f"Yes, the {one.shape} is {word} the {other.shape}.", one)
    return Question(
        "relation", text, "no", f"No, the {one.shape} is {opposite[word]} the {other.shape}.", one
    )


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
}
_WEIGHTS = {"describe": 1.0, "colour": 1.6, "shape": 1.3, "position": 1.5, "at place": 1.4, "relation": 1.5}


def random_question(scene: Scene, rng: random.Random) -> Question:
    """A question of any kind that makes sense for the scene."""
    kinds = list(MAKERS)
    while True:
        kind = rng.choices(kinds, [_WEIGHTS.get(kind, 1.0) for kind in kinds])[0]
        question = MAKERS[kind](scene, rng)
        if question is not None:
            return question


def follow_up(before: Question, scene: Scene, rng: random.Random) -> Question | None:
    """A question that only makes sense after `before`; None where there is nothing to lean on."""
    thing = before.thing
    if thing is None:
        return None
    others = [other for other in scene.things if other.shape != thing.shape]
    shapes = [other.shape for other in scene.things]
    others = [other for other in others if shapes.count(other.shape) == 1]
    if others and before.kind in ("colour", "position", "size") and rng.random() < 0.5:
        other = rng.choice(others)
        text = rng.choice(
            (f"And the {other.shape}?", f"What about the {other.shape}?", f"and the {other.shape}")
        )
        same = {"colour": colour, "position": where, "size": size}[before.kind](scene, rng, other)
        return None if same is None else Question("follow-up", text, same.short, same.sentence, other)
    if shapes.count(thing.shape) != 1:
        return None
    makers: dict[str, tuple[str, ...]] = {
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
    makers.pop(before.kind, None)
    kind = rng.choice(list(makers))
    same = {"colour": colour, "position": where, "size": size}[kind](scene, rng, thing)
    if same is None:
        return None
    text = rng.choice(makers[kind])
    if text in ("Is it big?", "Is it small?"):
        word = "Yes" if thing.size in text else "No"
        return Question("follow-up", text, word.lower(), f"{word}, the {thing.shape} is {thing.size}.", thing)
    return Question("follow-up", text, same.short, same.sentence, thing)
