"""The world of drawings that the built-in model knows: things on a plain background, on a 3 x 3 grid."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

Size = Literal["small", "big"]

SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "ring",
    "diamond",
    "cross",
    "house",
    "tree",
    "car",
    "fish",
    "flower",
    "sun",
    "boat",
    "cat",
)
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "black", "white", "brown")
BACKGROUNDS = (
    "white",
    "light grey",
    "grey",
    "dark grey",
    "black",
    "light blue",
    "light green",
    "light yellow",
    "light pink",
    "light purple",
)
SIZES: tuple[Size, Size] = ("small", "big")
CELLS = (
    "top left",
    "top",
    "top right",
    "left",
    "centre",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)
"""Names of the grid's cells in reading order; cell i is in row i // 3 and column i % 3."""

KINDS: dict[str, tuple[str, ...]] = {
    "shapes": ("circle", "square", "triangle", "star", "heart", "ring", "diamond", "cross"),
    "animals": ("fish", "cat"),
    "vehicles": ("car", "boat"),
    "plants": ("tree", "flower"),
    "buildings": ("house",),
    "sky": ("sun",),
}
KIND_OF = {shape: kind for kind, shapes in KINDS.items() for shape in shapes}


@dataclass(frozen=True, slots=True)
class Thing:
    shape: str
    colour: str
    size: Size
    cell: int

    @property
    def row(self) -> int:
        return self.cell // 3

    @property
    def column(self) -> int:
        return self.cell % 3


@dataclass(frozen=True, slots=True)
class Scene:
    """Things in reading order of their cells, at most one in a cell."""

    things: tuple[Thing, ...]
    background: str


# Colours that cannot be told from a background, whatever their shades.
_INVISIBLE = {
    ("white", "white"),
    ("white", "light grey"),
    ("white", "light blue"),
    ("white", "light green"),
    ("white", "light yellow"),
    ("white", "light pink"),
    ("white", "light purple"),
    ("yellow", "light yellow"),
    ("pink", "light pink"),
    ("pink", "light purple"),
    ("black", "black"),
    ("black", "dark grey"),
    ("brown", "dark grey"),
}


def visible_colours(background: str) -> tuple[str, ...]:
    return tuple(colour for colour in COLOURS if (colour, background) not in _INVISIBLE)


def random_scene(rng: random.Random) -> Scene:
    """A scene of 0 to 4 things; an empty one is rare."""
    return _scene_of(rng.choices(range(5), (1, 10, 12, 12, 12))[0], rng)


def lone_scene(rng: random.Random) -> Scene:
    """One big thing: its size varies most, so it is what sight must see most of."""
    scene = _scene_of(1, rng)
    return Scene((replace(scene.things[0], size="big"),), scene.background)


def crowded_scene(rng: random.Random) -> Scene:
    """A scene of 5 to 9 things. No lesson shows so many, but each of them teaches seeing at the same cost."""
    return _scene_of(rng.randint(5, 9), rng)


def _scene_of(count: int, rng: random.Random) -> Scene:
    background = rng.choice(BACKGROUNDS) if rng.random() < 0.6 else "white"
    colours = visible_colours(background)
    cells = sorted(rng.sample(range(9), count))
    if count == 1 and rng.random() < 0.3:
        cells = [4]  # people put a single thing in the middle
    things: list[Thing] = []
    # Things that share a shape or a colour make the questions that need both; half of the scenes have many.
    alike = rng.choice((0.05, 0.45))
    for cell in cells:
        shape = rng.choice(things).shape if things and rng.random() < alike else rng.choice(SHAPES)
        colour = rng.choice(things).colour if things and rng.random() < 0.15 else rng.choice(colours)
        things.append(Thing(shape, colour, rng.choice(SIZES), cell))
    return Scene(tuple(things), background)
