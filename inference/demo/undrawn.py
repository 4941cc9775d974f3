"""Pictures that are no flat drawings (noise, gradients, photos, writing), for the model to say so."""

from __future__ import annotations

import io
import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.demo.pages import page, screenshot

Pixels = NDArray[np.float32]
"""Shape (height, width, 3), values 0..1."""
_WRITTEN_SHARE = 0.35


def _grain(rng: np.random.Generator, size: int, cells: int, channels: int) -> Pixels:
    """Smooth noise: `cells` x `cells` random values, enlarged."""
    coarse = rng.random((cells, cells, channels), dtype=np.float32)
    layers = [
        np.asarray(Image.fromarray(coarse[:, :, i], "F").resize((size, size), Image.Resampling.BICUBIC))
        for i in range(channels)
    ]
    return np.stack(layers, axis=2)


def _ramp(rng: np.random.Generator, size: int) -> Pixels:
    """A linear or radial gradient between two or three colours."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / (size - 1)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        t = x * np.cos(angle) + y * np.sin(angle)
    else:
        centre = rng.uniform(0.2, 0.8, 2)
        t = np.hypot(x - centre[0], y - centre[1])
    t = (t - t.min()) / (t.max() - t.min())
    stops = rng.random((3, 3))
    while np.abs(stops[0] - stops[2]).sum() < 0.7:
        stops = rng.random((3, 3))
    if rng.random() < 0.5:
        stops[1] = (stops[0] + stops[2]) / 2
    channels = [np.interp(t, (0.0, 0.5, 1.0), stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=2).astype(np.float32)


def _noise(rng: np.random.Generator, size: int) -> Pixels:
    cells = int(rng.choice((12, 24, 48, size)))
    noise = _grain(rng, size, cells, 3)
    if rng.random() < 0.3:
        noise = np.repeat(noise.mean(axis=2, keepdims=True), 3, axis=2)
    return noise


def _photo(rng: np.random.Generator, size: int) -> Pixels:
    """Soft light, textures whose amplitude falls with frequency, as in photos, and soft objects."""
    picture = np.zeros((size, size, 3), np.float32) + rng.random(3, dtype=np.float32)
    roughness = rng.uniform(0.5, 1.0)
    for octave in range(6):
        cells = 2 ** (octave + 1) + 1
        tint = rng.uniform(0.5, 1.0, 3).astype(np.float32)
        layer = _grain(rng, size, cells, 1) - 0.5
        picture += layer * tint * roughness**octave * 1.2
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    if rng.random() < 0.5:  # a horizon: sky above, ground below
        edge = rng.uniform(0.3, 0.7) + 0.05 * (_grain(rng, size, 6, 1)[:, :, 0] - 0.5)
        below = (y > edge)[:, :, None]
        picture = np.where(below, picture * rng.uniform(0.3, 0.8, 3), picture + rng.uniform(0.0, 0.3, 3))
    for _ in range(rng.integers(1, 7)):
        cx, cy = rng.random(2)
        rx, ry = rng.uniform(0.04, 0.35, 2)
        inside = np.clip(1.3 - np.hypot((x - cx) / rx, (y - cy) / ry), 0, rng.uniform(0.1, 0.6))
        inside = (inside / inside.max() if inside.max() > 0 else inside)[:, :, None]
        shade = rng.random(3) * (0.6 + 0.8 * _grain(rng, size, 5, 1))
        picture = picture * (1 - inside) + shade * inside
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.1, 0.8)  # photos are paler than random colours
    grain = rng.normal(0, rng.uniform(0.0, 0.06), picture.shape)
    return np.asarray(picture + grain, np.float32)


def undrawn_picture(rng: random.Random) -> Image.Image:
    """An RGB picture of 72 to 360 pixels a side that shows nothing the model knows."""
    if rng.random() < _WRITTEN_SHARE:
        return rng.choice((page, screenshot))(rng)
    numbers = np.random.default_rng(rng.getrandbits(64))
    size = rng.choice((72, 96, 128, 192, 256))
    make = rng.choices((_noise, _ramp, _photo), (2, 2, 5))[0]
    pixels = np.clip(make(numbers, size), 0, 1)
    picture = Image.fromarray((255 * pixels).astype(np.uint8), "RGB")
    if rng.random() < 0.3:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=rng.randint(40, 95))
        picture = Image.open(file)
        picture.load()
    return picture
