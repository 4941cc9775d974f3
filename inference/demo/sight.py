"""What the latents of a picture should hold, and the loss that teaches it.

The resampler's first nine latents are taught to hold the grid's nine cells, the next one the background and
the one after it whether the picture is a flat drawing at all. Language then finds each fact at a fixed place,
so it is learnt in a fraction of the time; the heads used here are thrown away after the training.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from inference.demo.architecture import IMAGE_SIZE, PATCH_SIZE
from inference.demo.drawing import Placed, clean_style, disturbed_style, draw_placed, place_things
from inference.demo.undrawn import undrawn_picture
from inference.demo.world import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    SIZES,
    Scene,
    crowded_scene,
    lone_scene,
    random_scene,
)
from inference.preprocessing import CLIP_MEAN, CLIP_STD

_UNDRAWN_SHARE = 0.08
_CLEAN_SHARE = 0.45
_SCENE_WEIGHTS = (30, 15, 55)
_NONE = -100
"""The target that cross-entropy leaves out."""


def shrink(picture: Image.Image) -> NDArray[np.uint8]:
    """An RGB picture as the model sees it: shape (IMAGE_SIZE, IMAGE_SIZE, 3)."""
    return np.asarray(picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))


def to_pixel_values(pixels: Tensor) -> Tensor:
    """uint8 (batch, height, width, 3) to float32 (batch, 3, height, width), normalised as for CLIP."""
    mean = torch.tensor(CLIP_MEAN, device=pixels.device)
    std = torch.tensor(CLIP_STD, device=pixels.device)
    return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


def sight_targets(scene: Scene | None) -> NDArray[np.int64]:
    """Shape (29,): per cell its shape (0: none), colour, size; the background; 1 where it is no drawing."""
    targets = np.full(29, _NONE, np.int64)
    targets[28] = scene is None
    if scene is not None:
        targets[0:27:3] = 0
        for thing in scene.things:
            at = 3 * thing.cell
            targets[at : at + 3] = (
                1 + SHAPES.index(thing.shape),
                COLOURS.index(thing.colour),
                SIZES.index(thing.size),
            )
        targets[27] = BACKGROUNDS.index(scene.background)
    return targets


def patch_targets(things: list[Placed] | None) -> NDArray[np.int64]:
    """Shape (2, patches): shape (0 is none) and colour of the thing that covers each patch's middle."""
    side = IMAGE_SIZE // PATCH_SIZE
    targets = np.full((2, side, side), _NONE, np.int64)
    if things is not None:
        targets[0] = 0
        y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
        for placed in things:
            inside = np.hypot(x - placed.x, y - placed.y) < max(0.8 * placed.radius, 0.6 / side)
            targets[0][inside] = 1 + SHAPES.index(placed.thing.shape)
            targets[1][inside] = COLOURS.index(placed.thing.colour)
    return targets.reshape(2, -1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture with what it shows; both None for a picture that is no drawing."""

    picture: Image.Image
    scene: Scene | None
    things: list[Placed] | None


SceneMaker = Callable[[random.Random], Scene]


def any_scene(rng: random.Random) -> Scene:
    """Of every sort; most are crowded, since those teach most at the same cost."""
    return rng.choices((random_scene, lone_scene, crowded_scene), _SCENE_WEIGHTS)[0](rng)


def random_sample(rng: random.Random, make_scene: SceneMaker = random_scene) -> Sample:
    """A picture as the training sees them: clean, disturbed, or no drawing at all."""
    if rng.random() < _UNDRAWN_SHARE:
        return Sample(undrawn_picture(rng), None, None)
    scene = make_scene(rng)
    style = clean_style(rng) if rng.random() < _CLEAN_SHARE else disturbed_style(rng)
    things = place_things(scene, style.jitter, rng)
    return Sample(draw_placed(things, scene.background, style, rng), scene, things)


@dataclass(frozen=True, slots=True)
class SightScores:
    """Shares of right answers, over the cells that hold a thing or over the pictures."""

    shape: float
    colour: float
    size: float
    background: float
    undrawn: float
    whole: float
    """Pictures with everything right."""

    def __str__(self) -> str:
        return "  ".join(f"{field.name} {100 * getattr(self, field.name):.2f} %" for field in fields(self))


class SightHeads(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.Linear(width, 1 + len(SHAPES) + len(COLOURS) + len(SIZES))
        self.background = nn.Linear(width, len(BACKGROUNDS))
        self.undrawn = nn.Linear(width, 2)
        self.patch = nn.Linear(width, 1 + len(SHAPES) + len(COLOURS))

    def _logits(self, latents: Tensor) -> list[tuple[Tensor, slice]]:
        shape, colour, size = self.cell(latents[:, :9]).split(
            (1 + len(SHAPES), len(COLOURS), len(SIZES)), dim=-1
        )
        return [
            (shape, slice(0, 27, 3)),
            (colour, slice(1, 27, 3)),
            (size, slice(2, 27, 3)),
            (self.background(latents[:, 9:10]), slice(27, 28)),
            (self.undrawn(latents[:, 10:11]), slice(28, 29)),
        ]

    def patch_loss(self, patches: Tensor, targets: Tensor) -> Tensor:
        """patches (batch, patches, width) and targets (batch, 2, patches) to a scalar."""
        shape, colour = self.patch(patches).split((1 + len(SHAPES), len(COLOURS)), dim=-1)
        return functional.cross_entropy(
            shape.transpose(1, 2), targets[:, 0], ignore_index=_NONE
        ) + functional.cross_entropy(colour.transpose(1, 2), targets[:, 1], ignore_index=_NONE)

    def loss(self, latents: Tensor, targets: Tensor) -> Tensor:
        """latents (batch, >= 11, width) and targets (batch, 29) to a scalar: the sum of five mean losses."""
        losses = [
            functional.cross_entropy(logits.flatten(0, 1), targets[:, at].flatten(), ignore_index=_NONE)
            for logits, at in self._logits(latents)
        ]
        return torch.stack(losses).nansum()

    @torch.no_grad()
    def scores(self, latents: Tensor, targets: Tensor) -> SightScores:
        whole = torch.ones(len(targets), dtype=torch.bool, device=targets.device)
        shares: list[float] = []
        for kind, (logits, at) in enumerate(self._logits(latents)):
            wanted = targets[:, at]
            right = logits.argmax(-1) == wanted
            counted = wanted > 0 if kind == 0 else wanted != _NONE
            shares.append((right & counted).sum().item() / max(1, counted.sum().item()))
            whole &= (right | (wanted == _NONE)).all(dim=1)
        shape, colour, size, background, undrawn = shares
        return SightScores(shape, colour, size, background, undrawn, whole.float().mean().item())
