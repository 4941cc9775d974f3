"""Drawings of the built-in model's world for those who have no picture at hand."""

from __future__ import annotations

import io
import random

from inference.demo.drawing import Style, draw_scene
from inference.demo.world import random_scene

SIZE = 256
"""Pixels on each side."""


def sample_drawing(seed: int) -> bytes:
    """A PNG file of two to four things in different colours; the same for the same seed."""
    rng = random.Random(seed)
    scene = random_scene(rng)
    while len({thing.colour for thing in scene.things}) < 2:
        scene = random_scene(rng)
    picture = draw_scene(scene, Style(SIZE, SIZE, oversampling=2), rng)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
