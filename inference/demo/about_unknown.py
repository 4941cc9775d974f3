"""Questions that the model cannot answer, and what it says instead."""

from __future__ import annotations

import random

from inference.demo.question import Named, Question
from inference.demo.smalltalk import WORDS
from inference.demo.wording import SYNONYMS, a, plural
from inference.demo.world import COLOURS, KINDS, SHAPES, Scene

UNFAMILIAR = "I do not know that word. I know shapes and simple things, such as a house or a cat."
NEAR = "I know above, below, left and right only. Ask me what is on one side of a thing."

_PARTS = (
    "roof",
    "door",
    "window",
    "wall",
    "chimney",
    "wheel",
    "sail",
    "mast",
    "trunk",
    "leaf",
    "branch",
    "stem",
    "petal",
    "eye",
    "nose",
    "tail",
    "ear",
    "ray",
    "sky",
    "grass",
    "road",
    "cloud",
    "moon",
    "rainbow",
)
UNDRAWN = (
    "dog",
    "bird",
    "horse",
    "cow",
    "mouse",
    "elephant",
    "lion",
    "snake",
    "butterfly",
    "spider",
    "person",
    "boy",
    "girl",
    "man",
    "king",
    "ghost",
    "robot",
    "dragon",
    "bus",
    "train",
    "plane",
    "bike",
    "rocket",
    "truck",
    "apple",
    "banana",
    "cake",
    "pizza",
    "egg",
    "hat",
    "shoe",
    "chair",
    "table",
    "lamp",
    "cup",
    "key",
    "book",
    "clock",
    "guitar",
    "flag",
    "umbrella",
    "snowman",
)
"""Things that no lesson shows."""
_OUTLINES = ("oval", "rectangle", "hexagon", "pentagon", "arrow", "spiral", "letter")
_OF_PICTURES = {"picture", "image", "center", "side", "place", "part", "number", "idea", "word"}
_KNOWN = {*SHAPES, *COLOURS, *KINDS, *_OF_PICTURES, *(name for names in SYNONYMS.values() for name in names)}
_WORDS = tuple(word for word in WORDS if word not in _KNOWN and not word.endswith("s"))


def unfamiliar(scene: Scene, rng: random.Random) -> Question:
    """A question about a thing, or a part of one, that no lesson shows."""
    word = rng.choice(rng.choice((_PARTS, (*UNDRAWN, *_OUTLINES), (*UNDRAWN, *_OUTLINES), _WORDS)))
    text = rng.choice(
        (
            f"Is there {a(word)}?",
            f"Do you see {a(word)}?",
            f"Are there any {plural(word)}?",
            f"What colour is the {word}?",
            f"Where is the {word}?",
            f"How big is the {word}?",
            f"How many {plural(word)} are there?",
            f"Is the {word} {rng.choice(COLOURS)}?",
            f"What is above the {word}?",
            f"Describe the {word}.",
            f"Is this {a(word)}?",
            f"{word.capitalize()}?",
            f"Is the {word} {_somewhere(rng)}?",
            f"Is there {a(word)} {_somewhere(rng)}?",
            f"Are there {rng.choice(('two', 'three', '2', 'more than two'))} {plural(word)}?",
            _with_another(word, rng),
        )
    )
    return Question("unfamiliar", text, "cannot tell", UNFAMILIAR)


def _somewhere(rng: random.Random) -> str:
    side = rng.choice(("on the left", "on the right", "at the top", "at the bottom", "in the middle"))
    return rng.choice((side, f"{rng.choice(('above', 'below'))} the {rng.choice(SHAPES)}"))


def _with_another(word: str, rng: random.Random) -> str:
    """A question about the word and a thing that is known, either first."""
    pair = [word, rng.choice(SHAPES)]
    rng.shuffle(pair)
    return rng.choice(
        (
            f"What colour are the {pair[0]} and the {pair[1]}?",
            f"Where are the {pair[0]} and the {pair[1]}?",
            f"Is there {a(pair[0])} and {a(pair[1])}?",
            f"Is the {pair[0]} above the {pair[1]}?",
            f"Is the {pair[0]} bigger than the {pair[1]}?",
        )
    )


def near(scene: Scene, rng: random.Random) -> Question:
    """What is near a thing, or between two: that has no certain answer on a grid."""
    one, other = rng.sample(SHAPES, 2)
    for thing in scene.things[:1]:
        one = thing.shape if thing.shape != other else one
    word = rng.choice(("next to", "near", "beside", "close to", "around", "by"))
    text = rng.choice(
        (
            f"What is {word} the {one}?",
            f"What's {word} the {one}?",
            f"Which thing is {word} the {one}?",
            f"Is the {one} {word} the {other}?",
            f"What is between the {one} and the {other}?",
            f"What is closest to the {one}?",
            f"What is the {one} next to?",
        )
    )
    return Question("near", text, "cannot tell", NEAR)


def near_it(scene: Scene, rng: random.Random, of: Named) -> Question:
    """What is near a thing that was just told of."""
    word = rng.choice(("next to", "near", "beside", "close to", "around"))
    text = rng.choice((f"What is {word} {of.asked}?", f"What's {word} {of.asked}?"))
    return Question("near", text, "cannot tell", NEAR)
