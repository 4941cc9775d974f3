"""What a question about a scene is, and which things questions may be about."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from inference.demo.world import SHAPES, Scene, Thing


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    text: str
    short: str
    sentence: str
    told: tuple[Thing, ...] = ()
    """The things that the answer tells of, to which a follow-up ("and its size?") may refer."""
    all_told: bool = False
    """Whether everything in the picture has been told of by now."""

    @property
    def thing(self) -> Thing | None:
        """The thing it was about, if it was about one."""
        return self.told[0] if len(self.told) == 1 else None


Maker = Callable[[Scene, random.Random], Question | None]


def one_of_its_shape(scene: Scene, rng: random.Random) -> Thing | None:
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    return rng.choice(single) if single else None


def one_of_its_name(scene: Scene, rng: random.Random) -> Thing | None:
    """A thing that its colour and shape tell from the others."""
    names = [(thing.colour, thing.shape) for thing in scene.things]
    single = [thing for thing in scene.things if names.count((thing.colour, thing.shape)) == 1]
    return rng.choice(single) if single else None


def several_of_a_shape(scene: Scene, rng: random.Random) -> list[Thing] | None:
    """All the things of a shape that is there more than once, in reading order."""
    shapes = [thing.shape for thing in scene.things]
    repeated = [shape for shape in dict.fromkeys(shapes) if shapes.count(shape) > 1]
    if not repeated:
        return None
    shape = rng.choice(repeated)
    return [thing for thing in scene.things if thing.shape == shape]


def absent_shape(scene: Scene, rng: random.Random) -> str:
    present = {thing.shape for thing in scene.things}
    return rng.choice([shape for shape in SHAPES if shape not in present])


def about_absent(kind: str, text: str, shape: str) -> Question:
    return Question(kind, text, f"no {shape}", f"There is no {shape} in the picture.")


def two_of_their_shapes(scene: Scene, rng: random.Random) -> tuple[Thing, Thing] | None:
    """Two things that their shapes tell from all others; of one colour more often than by chance."""
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    if len(single) < 2:
        return None
    one, other = rng.sample(single, 2)
    like = [thing for thing in single if thing is not one and thing.colour == one.colour]
    return (one, rng.choice(like)) if like and rng.random() < 0.5 else (one, other)
