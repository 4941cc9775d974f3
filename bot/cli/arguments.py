"""What the positional arguments mean: which are pictures, which is the text."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Sequence
from pathlib import PurePath

from PIL.Image import Image

from bot.cli.failures import InputError
from inference.errors import PictureError
from inference.pictures import MAX_BYTES, open_picture

STDIN = "-"
PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".jfif", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"}
)


def pictures_and_text(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Sorts the arguments of `ask` into picture files and the text; the text may stand anywhere.

    Raises:
        InputError: a picture is not there, or there is more than one text.
    """
    images: list[str] = []
    texts: list[str] = []
    for argument in arguments:
        if argument == STDIN or (os.path.exists(argument) and not os.path.isdir(argument)):
            images.append(argument)
        elif _looks_like_a_path(argument):
            raise InputError(_not_there(argument))
        else:
            texts.append(argument)
    if len(texts) > 1:
        joined = shortened(" ".join(texts))
        raise InputError(f'Put your text in quotes, as one argument: "{joined}".')
    return images, well_formed(texts[0]) if texts else None


def read_pictures(images: Sequence[str]) -> list[Image]:
    """The pictures in the named files, in order; `-` is stdin.

    Raises:
        InputError: a file is not there or not readable as a picture; the message names it.
    """
    if images.count(STDIN) > 1:
        raise InputError("Only one picture can come from stdin: give - once.")
    return [_read_picture(image) for image in images]


def _read_picture(image: str) -> Image:
    data = _read_bytes(image)
    try:
        return open_picture(data)
    except PictureError as error:
        raise InputError(f"{'stdin' if image == STDIN else shortened(image)}: {error}") from error


def _read_bytes(image: str) -> bytes:
    # One byte past the limit is enough for `open_picture` to see that it is passed.
    if image == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with open(image, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(_not_there(image)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{shortened(image)} cannot be opened ({reason}): name a picture file.") from error


def _looks_like_a_path(argument: str) -> bool:
    if any(character.isspace() for character in argument):
        return False
    separators = {os.sep, os.altsep or os.sep}
    return PurePath(argument).suffix.lower() in PICTURE_SUFFIXES or any(one in argument for one in separators)


def _not_there(argument: str) -> str:
    if "://" in argument:
        return f"Pictures are read from files, not from addresses: save {shortened(argument)} first."
    return f"There is no file {shortened(argument)}: check its name."


def shortened(text: str, length: int = 120) -> str:
    """`text` as part of a sentence: on one line, its middle left out if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length // 2]} … {line[-length // 2 :]}"


def well_formed(text: str) -> str:
    """`text` with undecodable bytes of the command line (lone surrogates) as replacement characters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
