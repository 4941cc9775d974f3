"""A dark card to draw on, that reads well in Discord's light and dark colours; letters for every script."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image, ImageDraw, ImageFont

SCALE = 2
"""Pixels per unit: small letters stay sharp on dense screens."""
WIDTH = 480
MARGIN = 20
GROUND = "#1e1f24"
TEXT = "#f2f3f5"
QUIET = "#a5a8b1"
TRACK = "#2f3138"
ACCENT = "#7c8cff"
MUTED = "#565b78"

_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttf", "NotoSansArabic-Regular.ttf")
"""Of those a machine has; else Pillow's own, which knows Latin letters."""
_NOWHERE = "\U0010fffd"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font_for(text: str, size: int) -> Font | None:
    """A font that has all letters of the text, at a size in units; None if there is none."""
    for name in (*_FONTS, None):
        font = _font(name, size)
        if font is not None and _has_all(font, text):
            return font
    return None


@cache
def _font(name: str | None, size: int) -> Font | None:
    if name is None:
        return ImageFont.load_default(size * SCALE)
    try:
        return ImageFont.truetype(name, size * SCALE)
    except OSError:
        return None


def _has_all(font: Font, text: str) -> bool:
    missing = bytes(font.getmask(_NOWHERE))
    return all(letter.isspace() or bytes(font.getmask(letter)) != missing for letter in set(text))


class Card:
    """Draws in units; `png` is what it shows."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGBA", (round(width * SCALE), round(height * SCALE)))
        self._draw = ImageDraw.Draw(self._image)
        self.bar(0, 0, width, height, GROUND, radius=14)

    def bar(self, x: float, y: float, width: float, height: float, colour: str, radius: float = 4) -> None:
        box = [value * SCALE for value in (x, y, x + width, y + height)]
        self._draw.rounded_rectangle([*box[:2], box[2] - 1, box[3] - 1], radius * SCALE, fill=colour)

    def line(self, points: list[tuple[float, float]], colour: str, width: float = 2) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, fill=colour, width=round(width * SCALE), joint="curve")
        for x, y in scaled:
            radius = width * SCALE
            self._draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)

    def text(
        self, x: float, y: float, text: str, size: int, colour: str = TEXT, *, anchor: str = "lm"
    ) -> None:
        """`anchor`: Pillow's, "lm" is the middle of the left end."""
        font = font_for(text, size) or ImageFont.load_default(size * SCALE)
        self._draw.text((x * SCALE, y * SCALE), text, fill=colour, font=font, anchor=anchor)

    def fitted(self, text: str, size: int, width: float) -> str:
        """The text, cut off where it would be wider."""
        font = font_for(text, size) or ImageFont.load_default(size * SCALE)
        if font.getlength(text) <= width * SCALE:
            return text
        while text and font.getlength(f"{text}…") > width * SCALE:
            text = text[:-1]
        return f"{text.rstrip()}…"

    @property
    def png(self) -> bytes:
        file = io.BytesIO()
        self._image.save(file, "PNG", optimize=True)
        return file.getvalue()
