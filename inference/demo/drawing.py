"""Scenes drawn with Pillow: clean, or as other hands would draw them."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from math import cos, radians, sin

from PIL import Image, ImageDraw, ImageFilter

from inference.demo.pen import by_hand
from inference.demo.shades import RGB, background_shade, colour_shade, distance, lightness, mix
from inference.demo.shapes import OUTLINES, Part, Role
from inference.demo.world import COLOURS, Scene, Thing

# Diameters as shares of the canvas. The gap between small and big leaves no doubt which is meant.
_SMALL = (0.145, 0.195)
_BIG = (0.26, 0.33)
_BIG_ALONE = (0.27, 0.86)
# RGB distance below which a thing is hard to see on its background.
_LEAST_CONTRAST = 85.0
_IN_LINES_SHARE = 0.25
"""Of the drawings by other hands."""
_GREEN = (52, 140, 60)
# Widest line as a share of the thing's radius: a thicker one makes a ring of a circle.
_THICKEST = 0.2


@dataclass(frozen=True, slots=True)
class Style:
    """How a scene is put on a canvas; lengths are shares of the canvas unless said otherwise."""

    width: int
    height: int
    """Pixels."""
    oversampling: int = 1
    """The canvas is drawn this much larger and reduced, which smooths the edges."""
    wide_shades: bool = False
    outline: float = 0.0
    """Width of a dark line around everything, as a share of the thing's radius."""
    pen: float = 0.0
    """Width of the lines in the thing's colour that are drawn instead of filling it; 0 fills it."""
    wobble: float = 0.0
    """How far lines stray, as a share of the size of what they enclose."""
    tilt: float = 4.0
    """Things turn by up to this many degrees."""
    jitter: float = 0.06
    """Centres stray from their cell's centre by up to this much."""
    blur: float = 0.0
    """Gaussian radius in pixels."""
    jpeg_quality: int | None = None


def clean_style(rng: random.Random) -> Style:
    size = rng.choice((96, 128, 144, 192, 224, 256))
    return Style(size, size, oversampling=2 if size < 150 else 1)


def disturbed_style(rng: random.Random, in_lines_share: float = _IN_LINES_SHARE) -> Style:
    """As other hands draw: in lines, outlined, tilted, in other shades, sizes and aspect ratios, as JPEG."""
    height = rng.randint(64, 360)
    aspect = 1.0 if rng.random() < 0.4 else rng.uniform(0.65, 1.6)
    in_lines = rng.random() < in_lines_share
    return Style(
        width=max(48, round(height * aspect)),
        height=height,
        oversampling=rng.choice((1, 2)) if height > 140 else 3,
        wide_shades=rng.random() < 0.8,
        outline=rng.uniform(0.03, 0.12) if rng.random() < 0.4 and not in_lines else 0.0,
        pen=rng.uniform(0.012, 0.045) if in_lines else 0.0,
        wobble=rng.uniform(0.0, 0.1) if in_lines else 0.0,
        tilt=rng.choice((4.0, 15.0, 20.0)),
        jitter=rng.uniform(0.04, 0.095),
        blur=rng.uniform(0.3, 1.0) * height / 200 if rng.random() < 0.3 else 0.0,
        jpeg_quality=rng.randint(30, 95) if rng.random() < 0.5 else None,
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing with its centre and radius as shares of the canvas."""

    thing: Thing
    x: float
    y: float
    radius: float


def place_things(scene: Scene, jitter: float, rng: random.Random) -> list[Placed]:
    """Room for each thing: hardly any overlap, and little of it leaves the canvas."""
    placed: list[Placed] = []
    alone = len(scene.things) == 1
    for thing in scene.things:
        x = (thing.column + 0.5) / 3 + rng.uniform(-jitter, jitter)
        y = (thing.row + 0.5) / 3 + rng.uniform(-jitter, jitter)
        room = 2 * min(x, y, 1 - x, 1 - y)
        for other in placed:
            room = min(room, 2 * (((x - other.x) ** 2 + (y - other.y) ** 2) ** 0.5 - other.radius) - 0.01)
        if thing.size == "small":
            diameter = rng.uniform(*_SMALL)
        elif alone:
            diameter = rng.uniform(_BIG_ALONE[0], max(_BIG_ALONE[0], min(_BIG_ALONE[1], room)))
        else:
            reach = rng.uniform(*_BIG) if rng.random() < 0.7 else rng.uniform(_BIG[0], 0.5)
            diameter = max(_BIG[0], min(reach, room))
        placed.append(Placed(thing, x, y, diameter / 2))
    return placed


def _line_shade(main: RGB, background: RGB) -> RGB:
    return (250, 250, 250) if lightness(background) < 60 or lightness(main) < 45 else (20, 20, 20)


def _fills(main: RGB, background: RGB, rng: random.Random) -> dict[Role, RGB]:
    dark = mix(main, (0, 0, 0), 0.4) if lightness(main) > 50 else mix(main, (255, 255, 255), 0.35)
    return {
        "main": main,
        "dark": dark,
        "light": (245, 245, 245) if lightness(main) < 200 else (120, 140, 160),
        "hole": background,
        "ink": (25, 25, 25) if lightness(main) > 70 and lightness(background) > 50 else (225, 225, 225),
        "leaf": _GREEN if distance(main, _GREEN) > 100 else dark,
        "wood": mix((110, 72, 40), dark, rng.uniform(0.0, 0.3)),
        "other": _standing_out(main, background, rng),
        "warm": (255, 205, 40) if distance(main, (255, 205, 40)) > 130 else (120, 70, 30),
    }


def _standing_out(main: RGB, background: RGB, rng: random.Random) -> RGB:
    shades = [colour_shade(rng, name, wide=False) for name in COLOURS]
    clear = [shade for shade in shades if distance(shade, main) > 130 and distance(shade, background) > 130]
    return rng.choice(clear) if clear else mix(main, (0, 0, 0), 0.4)


def _fill(pen: ImageDraw.ImageDraw, parts: list[Part], fills: dict[Role, RGB], ink: RGB, width: int) -> None:
    """Filled parts (corners in pixels), with lines of `ink` around them unless `width` is 0."""
    for role, corners in parts:
        pen.polygon(corners, fill=fills[role])
        if width and role != "ink":
            pen.line([*corners, corners[0], corners[1]], fill=ink, width=width, joint="curve")


def _draw_in_lines(
    pen: ImageDraw.ImageDraw, parts: list[Part], fills: dict[Role, RGB], background: RGB, width: int
) -> None:
    """Parts (corners in pixels) as lines in the thing's colour; what they enclose hides what is behind."""
    for role, corners in parts:
        pen.polygon(corners, fill=background)
        shade = fills[role if role in ("wood", "leaf") else "main"]
        pen.line([*corners, corners[0], corners[1]], fill=shade, width=width, joint="curve")


def draw_scene(scene: Scene, style: Style, rng: random.Random) -> Image.Image:
    """The scene as an RGB picture of `style.width` x `style.height` pixels."""
    return draw_placed(place_things(scene, style.jitter, rng), scene.background, style, rng)


def draw_placed(things: list[Placed], background_name: str, style: Style, rng: random.Random) -> Image.Image:
    """As `draw_scene`, with the places given."""
    scale = style.oversampling
    width, height = style.width * scale, style.height * scale
    background = background_shade(rng, background_name, wide=style.wide_shades)
    canvas = Image.new("RGB", (width, height), background)
    pen = ImageDraw.Draw(canvas)
    for placed in things:
        main = colour_shade(rng, placed.thing.colour, wide=style.wide_shades)
        for _ in range(8):
            if distance(main, background) >= _LEAST_CONTRAST:
                break
            main = colour_shade(rng, placed.thing.colour, wide=style.wide_shades)
        fills = _fills(main, background, rng)
        # One radius for both axes keeps circles round on the person's own canvas.
        radius = placed.radius * (width * height) ** 0.5
        radius = min(radius, placed.radius * 1.25 * min(width, height))
        angle = radians(rng.uniform(-style.tilt, style.tilt))
        c, s = radius * cos(angle), radius * sin(angle)
        centre_x, centre_y = placed.x * width, placed.y * height
        parts: list[Part] = []
        for role, points in OUTLINES[placed.thing.shape](rng):
            line = by_hand(points, style.wobble, rng) if style.wobble else points
            parts.append((role, [(centre_x + x * c - y * s, centre_y + x * s + y * c) for x, y in line]))
        if style.pen:
            width_of_line = min(style.pen * min(width, height), _THICKEST * radius)
            _draw_in_lines(pen, parts, fills, background, max(1, round(width_of_line)))
        else:
            width_of_line = max(1, round(style.outline * radius)) if style.outline else 0
            _fill(pen, parts, fills, _line_shade(main, background), width_of_line)
    if scale > 1:
        canvas = canvas.reduce(scale)
    if style.blur:
        canvas = canvas.filter(ImageFilter.GaussianBlur(style.blur))
    if style.jpeg_quality is not None:
        file = io.BytesIO()
        canvas.save(file, "JPEG", quality=style.jpeg_quality)
        canvas = Image.open(file)
        canvas.load()
    return canvas
