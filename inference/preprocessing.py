"""From a picture to the vision encoder's input, in the way of a checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.errors import CheckpointError
from inference.pictures import fitted

# https://github.com/openai/CLIP: of red, green and blue, between 0 and 1.
CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """A checkpoint's way from a picture to the vision encoder's input.

    The result equals that of `IdeficsImageProcessorPil` in transformers on the same RGB image.
    """

    size: int = 224
    """Height and width in pixels; the aspect ratio is not kept."""
    mean: tuple[float, ...] = CLIP_MEAN
    """Of red, green and blue, between 0 and 1."""
    std: tuple[float, ...] = CLIP_STD

    def __post_init__(self) -> None:
        colours = (*self.mean, *self.std)
        if (
            self.size < 1
            or len(self.mean) != 3
            or len(self.std) != 3
            or not all(isinstance(value, int | float) and math.isfinite(value) for value in colours)
            or not all(self.std)
        ):
            raise CheckpointError(
                "preprocessor_config.json is wrong: it needs a size, and a mean and deviation of 3 colours."
            )

    @classmethod
    def from_checkpoint(cls, folder: Path) -> Preprocessor:
        """Reads `preprocessor_config.json`, or `processor_config.json` as transformers 5 writes it.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        for name in ("preprocessor_config.json", "processor_config.json"):
            path = folder / name
            if path.is_file():
                try:
                    config = json.loads(path.read_text(encoding="utf-8"))
                    return cls.of(config.get("image_processor", config))
                except CheckpointError:
                    raise
                except Exception as error:  # what is not there or of another kind shows in many ways
                    raise CheckpointError(f"{path} is damaged: download the checkpoint again.") from error
        raise CheckpointError(f"{folder} has no preprocessor_config.json: the checkpoint is incomplete.")

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Preprocessor:
        """From the content of `preprocessor_config.json`; what it leaves out has IDEFICS' values.

        Raises:
            CheckpointError: a value is impossible.
        """
        size = config.get("image_size", config.get("size", cls().size))
        if isinstance(size, Mapping):
            if size.get("height") != size.get("width"):
                raise CheckpointError("preprocessor_config.json is wrong: IDEFICS takes square pictures.")
            size = size["height"]
        return cls(
            size=int(size),
            mean=tuple(config.get("image_mean", cls().mean)),
            std=tuple(config.get("image_std", cls().std)),
        )

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """The image as float32 of shape (3, size, size): red, green, blue, each minus mean over deviation.

        Raises:
            PictureError: as in `to_rgb`.
        """
        # A channel has 256 values: each is normalised once and looked up.
        shades = np.arange(256, dtype=np.float32) / np.float32(255)
        tables = [
            (shades - np.float32(mean)) / np.float32(std)
            for mean, std in zip(self.mean, self.std, strict=True)
        ]
        channels = fitted(image, self.size).split()
        return np.stack([table[np.asarray(channel)] for table, channel in zip(tables, channels, strict=True)])
