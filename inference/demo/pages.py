"""Pictures of writing and of windows on a screen, for the model to say that they are no drawings."""

from __future__ import annotations

import random
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from inference.demo.smalltalk import WORDS

_RGB = tuple[int, int, int]
_Box = tuple[int, int, int, int]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def page(rng: random.Random) -> Image.Image:
    """Lines of words from edge to edge, as on paper or in a message."""
    width, height = rng.randint(120, 320), rng.randint(120, 320)
    paper, ink = _paper_and_ink(rng)
    picture = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(picture)
    margin = rng.randint(2, width // 8)
    top = margin
    if rng.random() < 0.4:
        size = rng.randint(14, 30)
        _write(pen, (margin, top, width - margin, top + size + 6), size, ink, rng)
        top += size + 8
    _write(pen, (margin, top, width - margin, height - margin), rng.randint(6, 16), ink, rng)
    return picture


def screenshot(rng: random.Random) -> Image.Image:
    """A window: bars, panels, buttons and words on them."""
    width, height = rng.randint(160, 360), rng.randint(120, 300)
    paper, ink = _paper_and_ink(rng)
    picture = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(picture)
    bar, side = rng.randint(8, height // 6), rng.randint(0, width // 3)
    tint = _shade(rng)
    pen.rectangle((0, 0, width, bar), fill=tint)
    _write(pen, (4, 1, width // 2, bar), max(6, bar - 4), _shade(rng), rng)
    if side > 20:
        pen.rectangle((0, bar, side, height), fill=_shade(rng))
        _write(
            pen,
            (3, bar + 4, side - 3, height),
            rng.randint(6, 11),
            _shade(rng),
            rng,
            spacing=rng.randint(2, 8),
        )
    top = bar + 5
    while top < height - 12:
        bottom = min(height - 3, top + rng.randint(14, height // 2))
        box = (side + 5, top, width - rng.randint(4, width // 4), bottom)
        choice = rng.random()
        if choice < 0.25:
            pen.rectangle(box, fill=_shade(rng), outline=rng.choice((ink, tint, None)))
        elif choice < 0.5:
            # A row of buttons or thumbnails.
            step = rng.randint(16, 60)
            for left in range(box[0], box[2] - step, step + 4):
                pen.rounded_rectangle((left, top, left + step, bottom), rng.randint(0, 5), fill=_shade(rng))
        if choice > 0.15:
            _write(pen, box, rng.randint(6, 13), ink, rng)
        top = bottom + rng.randint(2, 8)
    return picture


def _paper_and_ink(rng: random.Random) -> tuple[_RGB, _RGB]:
    light, dark = rng.randint(225, 255), rng.randint(0, 70)
    pair = (light, light, rng.randint(215, 255)), (dark, dark, rng.randint(0, 90))
    return pair if rng.random() < 0.7 else (pair[1], pair[0])


def _shade(rng: random.Random) -> _RGB:
    grey = rng.randint(0, 255)
    return (grey, grey, grey) if rng.random() < 0.4 else (rng.randint(0, 255), rng.randint(0, 255), grey)


def _write(
    pen: ImageDraw.ImageDraw, box: _Box, size: int, ink: _RGB, rng: random.Random, spacing: int = 2
) -> None:
    """Fills the box with lines of words; the last line of a paragraph may end early."""
    left, top, right, bottom = box
    font = _font(size)
    letters = max(3, int((right - left) / (0.5 * size)))
    while top + size <= bottom + 2:
        share = 1.0 if rng.random() < 0.75 else rng.uniform(0.2, 0.9)
        line = " ".join(rng.choices(WORDS, k=letters // 4 + 1))[: max(3, int(share * letters))]
        pen.text((left, top), line.capitalize() if rng.random() < 0.2 else line, fill=ink, font=font)
        top += size + spacing + (size // 2 if share < 1 else 0)
