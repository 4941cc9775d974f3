"""How things, places and numbers are put into words: one way in answers, many in people's questions."""

from __future__ import annotations

import random
from collections.abc import Sequence

from inference.demo.world import CELLS, Scene, Thing

PLACES = {
    "top left": "in the top left",
    "top": "at the top",
    "top right": "in the top right",
    "left": "on the left",
    "centre": "in the centre",
    "right": "on the right",
    "bottom left": "in the bottom left",
    "bottom": "at the bottom",
    "bottom right": "in the bottom right",
}
FACTS = {
    "circle": "a circle has no corners.",
    "square": "a square has four equal sides.",
    "triangle": "a triangle has three corners.",
    "star": "real stars are suns far away.",
    "heart": "a heart beats about 100,000 times a day.",
    "ring": "a ring has no beginning and no end.",
    "diamond": "diamonds are made of carbon.",
    "cross": "a cross has twelve corners.",
    "house": "the oldest houses were made of mud.",
    "tree": "some trees are 4,000 years old.",
    "car": "the first cars had three wheels.",
    "fish": "fish sleep with their eyes open.",
    "flower": "sunflowers turn to the sun.",
    "sun": "light from the sun takes eight minutes.",
    "boat": "the first boats were hollow logs.",
    "cat": "a cat sleeps most of the day.",
}
_PLURALS = {
    "cross": "crosses",
    "fish": "fish",
    "box": "boxes",
    "rhombus": "rhombuses",
    "plus": "pluses",
    "kitty": "kitties",
}
FAMILIES = {"animals": "animal", "vehicles": "vehicle", "plants": "plant"}
"""Words for several shapes that people ask for, with their singulars."""
_NUMBERS = {2: "two", 3: "three", 4: "four"}
SYNONYMS = {
    "circle": ("dot", "ball", "disc"),
    "square": ("box",),
    "ring": ("donut",),
    "diamond": ("rhombus",),
    "cross": ("plus sign", "plus"),
    "car": ("auto", "automobile"),
    "boat": ("ship", "sailboat"),
    "cat": ("kitty", "cat face"),
    "heart": ("love heart",),
    "house": ("home", "hut"),
}
_CELL_NAMES = {
    "top left": ("top left", "top left", "upper left", "top left corner"),
    "top": ("top middle", "upper middle", "top centre"),
    "top right": ("top right", "top right", "upper right", "top right corner"),
    "left": ("middle left", "centre left"),
    "centre": ("centre", "centre", "middle", "center"),
    "right": ("middle right", "centre right"),
    "bottom left": ("bottom left", "bottom left", "lower left", "bottom left corner"),
    "bottom": ("bottom middle", "lower middle", "bottom centre"),
    "bottom right": ("bottom right", "bottom right", "lower right", "bottom right corner"),
}
"""What people call a single cell; "left" alone means the whole side."""
_SIDE_NAMES = {
    "left": ("left", "left", "left side", "left hand side", "left half", "left part"),
    "right": ("right", "right", "right side", "right hand side", "right half", "right part"),
    "top": ("top", "top", "upper part", "top row", "upper half", "top half"),
    "bottom": ("bottom", "bottom", "lower part", "bottom row", "lower half", "bottom half"),
}
_EXACT_PLACES = {
    "top": "in the top middle",
    "left": "in the middle left",
    "right": "in the middle right",
    "bottom": "in the bottom middle",
}


def plural(shape: str) -> str:
    return _PLURALS.get(shape, shape + "s")


def counted(count: int, noun: str, nouns: str) -> str:
    return f"{count} {noun if count == 1 else nouns}"


def several(count: int, nouns: str) -> str:
    """2 to 4 things with their number in letters, which makes one token where digits make two."""
    return f"{_NUMBERS[count]} {nouns}"


def a(words: str) -> str:
    """`words` with its indefinite article."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def joined(parts: list[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def place(cell: int) -> str:
    return PLACES[CELLS[cell]]


def exact_place(cell: int) -> str:
    """A place that cannot be taken for a whole side."""
    return _EXACT_PLACES.get(CELLS[cell], place(cell))


def short_name(thing: Thing) -> str:
    return f"{thing.colour} {thing.shape}"


def full_name(thing: Thing) -> str:
    return f"{thing.size} {thing.colour} {thing.shape}"


def listing(scene: Scene) -> str:
    """Everything in the scene, such as "a big red circle in the top left, on a white background"."""
    if not scene.things:
        return f"nothing but a {scene.background} background"
    things = joined([f"{a(full_name(thing))} {place(thing.cell)}" for thing in scene.things])
    return f"{things}, on a {scene.background} background"


def short_listing(scene: Scene) -> str:
    return joined([a(short_name(thing)) for thing in scene.things]) or "nothing"


def grouped(things: Sequence[Thing]) -> str:
    """The things by shape in reading order of the first of each, such as "two circles and a star"."""
    shapes = [thing.shape for thing in things]
    groups = dict.fromkeys(shapes)
    return joined([a(s) if shapes.count(s) == 1 else several(shapes.count(s), plural(s)) for s in groups])


def caption(scene: Scene) -> str:
    """A caption of at most nine words and marks: the more things, the less of each."""
    things = scene.things
    if not things:
        return f"an empty {scene.background} picture"
    if len(things) == 1:
        return f"{a(full_name(things[0]))} {place(things[0].cell)}"
    if len(things) == 2:
        names = [short_name(thing) for thing in things]
        return (
            several(2, f"{things[0].colour} {plural(things[0].shape)}")
            if len(set(names)) == 1
            else joined([*map(a, names)])
        )
    shapes = [thing.shape for thing in things]
    if len(set(shapes)) == 4:
        return a(joined(shapes))
    return grouped(things)


def asked_shape(rng: random.Random, shape: str) -> str:
    """A shape as a person may call it."""
    return rng.choice(SYNONYMS[shape]) if shape in SYNONYMS and rng.random() < 0.1 else shape


def asked_place(rng: random.Random, cell: int) -> str:
    """A cell as a person may call it, without preposition."""
    return rng.choice(_CELL_NAMES[CELLS[cell]]) + _of_the_picture(rng)


def asked_side(rng: random.Random, side: str) -> str:
    """A side of the picture as a person may call it, without preposition."""
    return rng.choice(_SIDE_NAMES[side]) + _of_the_picture(rng)


def _of_the_picture(rng: random.Random) -> str:
    return rng.choice((" of the picture", " of the image")) if rng.random() < 0.1 else ""


def as_typed(rng: random.Random, question: str) -> str:
    """A question as people type it: other spelling, small letters, no question mark or apostrophe."""
    if rng.random() < 0.45:
        question = question.replace("colour", "color").replace("Colour", "Color")
    if rng.random() < 0.2:
        question = question.replace("'", "")
    if rng.random() < 0.06:
        question = question.replace(" you ", " u ")
    if rng.random() < 0.3:
        question = question[:1].lower() + question[1:]
    if rng.random() < 0.15:
        question = question.lower()
    if question.endswith(("?", ".")) and rng.random() < 0.3:
        question = question[:-1]
    elif question.endswith("?") and rng.random() < 0.03:
        question += "?"
    return question
