"""Pictures as people send them: decoding them safely and making them RGB."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import ExifTags, Image

from inference.errors import PictureError

log = logging.getLogger(__name__)
_header_lock = threading.Lock()
# A picture that was opened but not yet read is read at its first use, which Pillow does not guard: two
# threads that use it at once would read one file from two places. Its address chooses the picture's lock.
_reading_locks = tuple(threading.Lock() for _ in range(61))

MAX_BYTES: Final = 25 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000

# Everything else that Pillow can open stays closed: EPS would start Ghostscript.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
_UPRIGHT_AFTER = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(
    data: bytes | Path,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    longest_side: int | None = None,
) -> Image.Image:
    """The picture in a file or its bytes, as `to_rgb` returns it; of an animation the first frame.

    What kind of picture it is, its bytes say, not its name. Too large a one is refused before it is decoded.

    Args:
        longest_side: what is needed; a larger JPEG may be decoded with fewer pixels than it has, but not with
            fewer than these, which takes a fraction of the time.

    Raises:
        PictureError: there is no such file, or it is not a picture that can be read, or a limit is exceeded.
    """
    if isinstance(data, Path):
        data = _read(data, max_bytes)
    if not data:
        raise PictureError("The picture is empty (0 bytes): send it again.")
    if len(data) > max_bytes:
        raise too_many_bytes(max_bytes)
    too_many_pixels = PictureError(
        "The picture has too many pixels: at most {most} million are possible, send a smaller one.",
        most=max_pixels / 1e6,
    )
    try:
        image = _open_header(data)
    except Image.DecompressionBombError as error:
        raise too_many_pixels from error
    except Exception as error:  # a damaged header can raise anything
        raise PictureError(
            "This is not a picture that can be read: send a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF."
        ) from error
    with image:
        if image.width * image.height > max_pixels:
            raise too_many_pixels
        longest = max(image.size)
        if longest_side is not None and longest > longest_side:
            width, height = (-(-side * longest_side // longest) for side in image.size)
            image.draft("RGB", (width, height))  # without effect where the format does not know it
        return to_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in mode RGB as a person sees it: turned upright by its EXIF, transparency on white.

    Values of more than 8 bits are scaled, not cut off: 16-bit modes by their full range, 32-bit and float
    ones by the least of 1, 255 and 65535 that holds them all. Several threads may give the same image.

    Raises:
        PictureError: its data are damaged or incomplete, or it has no pixels.
    """
    if not image.width or not image.height:
        raise PictureError("The picture has no pixels: send another one.")
    try:
        with _reading_locks[id(image) % len(_reading_locks)]:
            image.load()
            image = _upright(image)
        if image.mode.startswith(("I", "F")):
            image = _eight_bits(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    except Exception as error:  # each decoder has its own errors for damaged data
        raise PictureError("The picture is damaged or incomplete: save it anew and send that.") from error
    # Orientation and transparency are dealt with; nobody shall apply them a second time.
    image.info = {}
    return image


def fitted(image: Image.Image, size: int) -> Image.Image:
    """The image as a model with pictures of `size` pixels sees it: RGB, `size` wide and high.

    Preprocessing gives the same values for it as for the image itself, which may so be forgotten.

    Raises:
        PictureError: as in `to_rgb`.
    """
    return to_rgb(image).resize((size, size), Image.Resampling.BICUBIC)


def too_many_bytes(most: int) -> PictureError:
    """What is said of a file with more than `most` bytes."""
    return PictureError(
        "The picture's file is too large, at most {most} MB are possible: send a smaller one.",
        most=most / 2**20,
    )


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        if path.stat().st_size > max_bytes:
            raise too_many_bytes(max_bytes)
        with path.open("rb") as file:
            # One byte past the limit shows that it is passed; what is no file may have no end.
            return file.read(max_bytes + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise PictureError(f"The picture {path} cannot be opened: {reason}.") from error


def _open_header(data: bytes) -> Image.Image:
    Image.init()
    formats = [each for each in _FORMATS if each in Image.OPEN]
    # Filters of warnings belong to the whole process: one thread at a time. Pillow warns of what is said
    # better here: too many pixels, and formats that this build of it lacks.
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=formats)


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata of a picture that is itself whole
        log.debug("EXIF data cannot be read; the picture is taken as upright", exc_info=True)
        return image
    method = _UPRIGHT_AFTER.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A one-channel image of more than 8 bits in mode L, or LA if one value stands for transparency."""
    if image.mode.startswith("I;16"):
        deep = np.asarray(image)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            grey.putalpha(Image.fromarray(np.where(deep == transparent, 0, 255).astype(np.uint8)))
        return grey
    values = np.asarray(image, dtype=np.float32)
    values = np.where(np.isfinite(values), values, 0).clip(min=0)
    highest = float(values.max())
    white = next((each for each in (1.0, 255.0, 65535.0) if highest <= each), highest)
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))
