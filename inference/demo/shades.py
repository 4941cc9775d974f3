"""Which shades a colour's name covers, as ranges of hue, saturation and value."""

from __future__ import annotations

import colorsys
import math
import random

RGB = tuple[int, int, int]
Range = tuple[float, float]
HSV = tuple[Range, Range, Range]
"""Ranges of hue in degrees (may pass 360), saturation and value in 0..1."""

_ANY: Range = (0.0, 360.0)

# Per name: the plain shades, then the wide ones, which reach as far as the name is beyond doubt.
_COLOURS: dict[str, tuple[HSV, tuple[HSV, ...]]] = {
    "red": (((356, 364), (0.85, 1.0), (0.8, 1.0)), (((351, 368), (0.78, 1.0), (0.68, 1.0)),)),
    "green": (
        ((100, 140), (0.6, 1.0), (0.45, 0.85)),
        (((85, 155), (0.5, 1.0), (0.34, 0.95)), ((115, 125), (0.9, 1.0), (0.45, 1.0))),
    ),
    "blue": (
        ((210, 240), (0.7, 1.0), (0.65, 1.0)),
        (((200, 242), (0.55, 1.0), (0.5, 1.0)), ((236, 241), (0.9, 1.0), (0.5, 1.0))),
    ),
    "yellow": (((49, 58), (0.8, 1.0), (0.93, 1.0)), (((47, 62), (0.65, 1.0), (0.88, 1.0)),)),
    "purple": (
        ((270, 290), (0.6, 0.9), (0.5, 0.75)),
        (((264, 302), (0.45, 1.0), (0.38, 0.85)),),
    ),
    "orange": (((25, 36), (0.85, 1.0), (0.94, 1.0)), (((20, 40), (0.78, 1.0), (0.9, 1.0)),)),
    "pink": (
        ((330, 350), (0.3, 0.55), (0.95, 1.0)),
        (((320, 352), (0.24, 0.6), (0.9, 1.0)), ((326, 336), (0.5, 0.72), (0.95, 1.0))),
    ),
    "black": ((_ANY, (0.0, 0.2), (0.0, 0.12)), ((_ANY, (0.0, 0.3), (0.0, 0.17)),)),
    "white": ((_ANY, (0.0, 0.02), (0.97, 1.0)), ((_ANY, (0.0, 0.04), (0.94, 1.0)),)),
    "brown": (
        ((20, 32), (0.6, 0.8), (0.4, 0.58)),
        (((14, 34), (0.5, 0.9), (0.32, 0.64)), ((359, 362), (0.72, 0.76), (0.6, 0.66))),
    ),
}
_BACKGROUNDS: dict[str, tuple[HSV, tuple[HSV, ...]]] = {
    "white": ((_ANY, (0.0, 0.0), (1.0, 1.0)), ((_ANY, (0.0, 0.015), (0.97, 1.0)),)),
    "light grey": ((_ANY, (0.0, 0.02), (0.78, 0.88)), ((_ANY, (0.0, 0.03), (0.74, 0.9)),)),
    "grey": ((_ANY, (0.0, 0.03), (0.46, 0.6)), ((_ANY, (0.0, 0.05), (0.43, 0.64)),)),
    "dark grey": ((_ANY, (0.0, 0.05), (0.2, 0.3)), ((_ANY, (0.0, 0.08), (0.19, 0.34)),)),
    "black": ((_ANY, (0.0, 0.0), (0.0, 0.04)), ((_ANY, (0.0, 0.2), (0.0, 0.09)),)),
    "light blue": (((200, 220), (0.16, 0.3), (0.94, 1.0)), (((192, 228), (0.14, 0.42), (0.89, 1.0)),)),
    "light green": (((100, 140), (0.16, 0.3), (0.92, 1.0)), (((88, 150), (0.14, 0.4), (0.87, 1.0)),)),
    "light yellow": (((50, 60), (0.16, 0.3), (0.98, 1.0)), (((47, 61), (0.12, 0.42), (0.94, 1.0)),)),
    "light pink": (((340, 355), (0.14, 0.25), (0.96, 1.0)), (((332, 358), (0.12, 0.3), (0.93, 1.0)),)),
    "light purple": (((258, 280), (0.12, 0.25), (0.94, 1.0)), (((240, 290), (0.085, 0.3), (0.9, 1.0)),)),
}


def _draw(rng: random.Random, ranges: HSV) -> RGB:
    (h0, h1), (s0, s1), (v0, v1) = ranges
    hue, saturation, value = rng.uniform(h0, h1) % 360 / 360, rng.uniform(s0, s1), rng.uniform(v0, v1)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def colour_shade(rng: random.Random, colour: str, *, wide: bool) -> RGB:
    plain, wider = _COLOURS[colour]
    return _draw(rng, rng.choice(wider) if wide else plain)


def background_shade(rng: random.Random, background: str, *, wide: bool) -> RGB:
    plain, wider = _BACKGROUNDS[background]
    return _draw(rng, rng.choice(wider) if wide else plain)


def mix(shade: RGB, other: RGB, share: float) -> RGB:
    """`shade` moved by `share` (0..1) of the way to `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(shade, other, strict=True))
    return red, green, blue


def distance(shade: RGB, other: RGB) -> float:
    """Euclidean distance in RGB, 0 to about 442."""
    return math.dist(shade, other)


def lightness(shade: RGB) -> float:
    """Rec. 601 luma in 0..255."""
    red, green, blue = shade
    return 0.299 * red + 0.587 * green + 0.114 * blue
