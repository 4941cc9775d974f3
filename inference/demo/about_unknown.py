"""Questions that the model cannot answer, and what it says instead."""

from __future__ import annotations

import random

from inference.demo.question import Question
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
_OTHERS = (
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
    "oval",
    "rectangle",
    "hexagon",
    "pentagon",
    "arrow",
    "spiral",
    "letter",
    "umbrella",
    "snowman",
)
_OF_PICTURES = {"picture", "image", "center", "side", "place", "part", "number", "idea", "word"}
_KNOWN = {*SHAPES, *COLOURS, *KINDS, *_OF_PICTURES, *(name for names in SYNONYMS.values() for name in names)}
_WORDS = tuple(word for word in WORDS if word not in _KNOWN and not word.endswith("s"))


def unfamiliar(scene: Scene, rng: random.Random) -> Question:
    """A question about a thing, or a part of one, that no lesson shows."""
    word = rng.choice(rng.choice((_PARTS, _OTHERS, _OTHERS, _WORDS)))
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
        )
    )
    return Question("unfamiliar", text, "cannot tell", UNFAMILIAR)


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
