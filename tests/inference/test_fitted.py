"""Pictures that get the model's size early, so that the whole of them need not be kept."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from inference.pictures import fitted
from inference.preprocessing import Preprocessor


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [28, 64])
def test_a_fitted_picture_gives_the_same_values(mode: str, size: int) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (217, 301, 4), dtype=np.uint8)
    image = Image.fromarray(noise, "RGBA").convert(mode)
    preprocess = Preprocessor(size=size)
    small = fitted(image, size)
    assert small.size == (size, size)
    assert small.mode == "RGB"
    assert np.array_equal(preprocess(small), preprocess(image))
    assert image.size == (301, 217)
