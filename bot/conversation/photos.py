"""Pictures as they are kept: checked, upright, RGB, small enough for every model."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

from bot.conversation.messages import Photo, SkippedPhoto, StoredPhoto
from bot.languages.words import Sentence
from inference.errors import PictureError
from inference.pictures import open_picture, too_many_bytes

MAX_SIDE = 768
"""Pixels. IDEFICS looks at 224; what is left over is for looking again with models that see more."""


def normalise(data: bytes, name: str | Sentence) -> StoredPhoto | SkippedPhoto:
    """The picture in a file's bytes, of an animation the first frame, or why it is none that can be used.

    It takes up to a second of computing: call it off the event loop.
    """
    try:
        # Twice as fine as it is kept, so that making it smaller looks as if nothing had been left out.
        image = open_picture(data, longest_side=2 * MAX_SIDE)
    except PictureError as error:
        return SkippedPhoto(name, _said(error))
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # Lossless, so that the model sees what was sent; the least effort, as more saves a tenth of the size.
    image.save(file, "WEBP", lossless=True, quality=0, method=0)
    stored = file.getvalue()
    photo = Photo(hashlib.sha256(stored).hexdigest(), image.width, image.height)
    return StoredPhoto(photo, stored)


def too_large(most: int) -> Sentence:
    """Of a file with more than `most` bytes."""
    return _said(too_many_bytes(most))


def _said(error: PictureError) -> Sentence:
    return Sentence(error.message, error.values)
