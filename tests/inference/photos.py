"""Pictures with many shades, for tests."""

from __future__ import annotations

import numpy as np
from PIL import Image


def photo(width: int = 40, height: int = 30, seed: int = 0) -> Image.Image:
    """Smooth colours that differ at every corner, with some noise."""
    across = np.linspace(0, 200, width)[None, :, None]
    down = np.linspace(0, 50, height)[:, None, None]
    noise = np.random.default_rng(seed).integers(0, 6, (height, width, 3))
    return Image.fromarray((across * [1, 0.5, 0.2] + down * [0, 1, 2] + noise).astype(np.uint8))
