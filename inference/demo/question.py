"""What a question about a scene is, and which things questions may be about."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from inference.demo.wording import asked_shape
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


def one_of_its_size(scene: Scene, rng: random.Random) -> Thing | None:
    """A thing that its size tells from the others of its shape."""
    sizes = [(thing.size, thing.shape) for thing in scene.things]
    shapes = [thing.shape for thing in scene.things]
    several = [thing for thing in scene.things if shapes.count(thing.shape) > 1]
    single = [thing for thing in several if sizes.count((thing.size, thing.shape)) == 1]
    return rng.choice(single) if single else None


@dataclass(frozen=True, slots=True)
class Named:
    thing: Thing
    name: str
    """What answers call it, such as "star" or "big star"."""
    asked: str
    """What the question calls it: "the " and its name or a synonym, or "it"."""


def told_apart(scene: Scene, rng: random.Random) -> Named | None:
    """A thing by a name that tells it from the others: mostly its shape, else its colour or size with it."""
    if len(scene.things) == 1 and rng.random() < 0.2:
        return as_it(scene.things[0])
    choice = rng.random()
    if choice < 0.15:
        thing, name = one_of_its_size(scene, rng), "{0.size} {0.shape}"
    elif choice < 0.35:
        thing, name = one_of_its_name(scene, rng), "{0.colour} {0.shape}"
    else:
        thing, name = None, ""
    if thing is not None:
        return Named(thing, name.format(thing), f"the {name.format(thing)}")
    thing = one_of_its_shape(scene, rng)
    return by_shape(thing, rng) if thing else None


def by_shape(thing: Thing, rng: random.Random) -> Named:
    return Named(thing, thing.shape, f"the {asked_shape(rng, thing.shape)}")


def as_it(thing: Thing) -> Named:
    """A thing that was just told of."""
    return Named(thing, thing.shape, "it")


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


def two_of_their_shapes(
    scene: Scene, rng: random.Random, one: Thing | None = None
) -> tuple[Thing, Thing] | None:
    """Two things that their shapes tell from all others; of one colour more often than by chance.

    `one`: the first of them.
    """
    shapes = [thing.shape for thing in scene.things]
    single = [thing for thing in scene.things if shapes.count(thing.shape) == 1]
    if len(single) < 2 or (one is not None and one not in single):
        return None
    one = one or rng.choice(single)
    other = rng.choice([thing for thing in single if thing is not one])
    like = [thing for thing in single if thing is not one and thing.colour == one.colour]
    return (one, rng.choice(like)) if like and rng.random() < 0.5 else (one, other)
