"""Pictures made ready for the vision encoder, off the event loop and off the engine's thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.preprocessing import Preprocessor

THREADS = 4


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture as the encoder reads it."""

    pixels: NDArray[np.float32]
    """(3, height, width), normalised"""
    digest: bytes
    """SHA-256 of the pixels, whole: two pictures with one digest would answer for each other."""

    @classmethod
    def of(cls, pixels: NDArray[np.float32]) -> PreparedPicture:
        return cls(pixels, hashlib.sha256(np.ascontiguousarray(pixels).data).digest())


class PictureDesk:
    """Preprocesses pictures on threads of its own."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self._preprocessor = preprocessor
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")

    def prepare(self, images: Sequence[Image.Image]) -> Future[tuple[PreparedPicture, ...]]:
        """The pictures in their order; the future fails with PictureError if one cannot be converted."""
        if not images:
            nothing: Future[tuple[PreparedPicture, ...]] = Future()
            nothing.set_result(())
            return nothing
        return self._threads.submit(self._prepare, tuple(images))

    def close(self) -> None:
        """Ends the threads once what they do is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, images: tuple[Image.Image, ...]) -> tuple[PreparedPicture, ...]:
        return tuple(PreparedPicture.of(self._preprocessor(image)) for image in images)
