"""What the positional arguments mean: which are pictures, which is the text."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from PIL.Image import Image

from bot.cli.failures import InputError
from inference.errors import PictureError
from inference.pictures import MAX_BYTES, fitted, open_picture

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
        elif _is_a_path(argument):
            raise InputError(_not_there(argument))
        else:
            texts.append(argument)
    if len(texts) > 1:
        if len(texts) == 2 and (path := next(filter(_may_be_a_path, texts), None)):
            raise InputError(_not_there(path))
        joined = shortened(" ".join(texts))
        raise InputError(f'Put your text in quotes, as one argument: "{joined}".')
    return images, well_formed(texts[0]) if texts else None


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that is decoded when it is needed, so that many of them take little memory."""

    name: str
    data: bytes | None
    """What stdin gave, which cannot be read again."""

    def fitted(self, size: int) -> Image:
        """The picture in the size that the model takes.

        Raises:
            InputError: it is not there or not readable as a picture; the message names it.
        """
        data = _read_bytes(self.name) if self.data is None else self.data
        try:
            return fitted(open_picture(data), size)
        except PictureError as error:
            name = "stdin" if self.name == STDIN else shortened(self.name)
            raise InputError(f"{name}: {error}") from error


def find_pictures(images: Sequence[str]) -> list[PictureFile]:
    """The named pictures, in order; `-` is stdin.

    Raises:
        InputError: more than one is to come from stdin.
    """
    if images.count(STDIN) > 1:
        raise InputError("Only one picture can come from stdin: give - once.")
    return [PictureFile(image, _read_bytes(image) if image == STDIN else None) for image in images]


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


def _is_a_path(argument: str) -> bool:
    """A picture's name, an address, or something in a folder that there is."""
    if any(character.isspace() for character in argument):
        return False
    folder, name = os.path.split(argument)
    is_picture = PurePath(name).suffix.lower() in PICTURE_SUFFIXES
    return is_picture or "://" in argument or os.path.isdir(folder)


def _may_be_a_path(argument: str) -> bool:
    """So may "either/or?", which is a question."""
    return bool(os.path.split(argument)[0]) and not any(character.isspace() for character in argument)


def _not_there(argument: str) -> str:
    if os.path.isdir(argument):
        return f"{shortened(argument)} is a folder: name the pictures in it."
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
