"""Outlines of the things: polygons in the unit circle, y pointing down, each with the role of its fill."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import cos, pi, sin
from typing import Literal

from inference.demo.geometry import Point, box, ellipse, rotated, spikes

Role = Literal["main", "dark", "light", "hole", "ink", "wood", "leaf", "warm", "other"]
"""main: the thing's colour; dark, light: shades of it; hole: the background; ink: eyes and wheels;
wood: trunks and masts; leaf: the green of a flower; warm: its middle; other: a colour that stands out from
the thing's own."""
Part = tuple[Role, list[Point]]


def _circle(rng: random.Random) -> list[Part]:
    return [("main", ellipse(0, 0, 0.95, 0.95, 40))]


def _square(rng: random.Random) -> list[Part]:
    a = 0.78
    if rng.random() < 0.85:
        return [("main", box(-a, -a, a, a))]
    r = rng.uniform(0.08, 0.2)  # rounded corners
    corners = [(a - r, a - r, 0.0), (r - a, a - r, pi / 2), (r - a, r - a, pi), (a - r, r - a, 3 * pi / 2)]
    return [
        (
            "main",
            [
                (x + r * cos(t + i * pi / 8), y + r * sin(t + i * pi / 8))
                for x, y, t in corners
                for i in range(5)
            ],
        )
    ]


def _triangle(rng: random.Random) -> list[Part]:
    kind = rng.random()
    if kind < 0.6:
        base, top = rng.uniform(0.72, 0.92), rng.uniform(-0.95, -0.75)
        return [("main", [(0, top), (base, 0.65), (-base, 0.65)])]
    if kind < 0.75:
        return [("main", [(0, 0.85), (0.85, -0.65), (-0.85, -0.65)])]
    if kind < 0.9:
        side = rng.choice((-1, 1))
        return [("main", [(0.85 * side, 0), (-0.65 * side, 0.85), (-0.65 * side, -0.85)])]
    side = rng.choice((-1, 1))
    return [("main", [(-0.75 * side, -0.8), (0.75 * side, 0.75), (-0.75 * side, 0.75)])]


def _star(rng: random.Random) -> list[Part]:
    points = 5 if rng.random() < 0.85 else 6
    return [("main", spikes(points, 1.0, rng.uniform(0.36, 0.5)))]


def _heart(rng: random.Random) -> list[Part]:
    # The classic curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t.
    curve = []
    for i in range(36):
        t = 2 * pi * i / 36
        y = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
        curve.append((0.95 * sin(t) ** 3, -(y + 2.5) / 16.0))
    return [("main", curve)]


def _ring(rng: random.Random) -> list[Part]:
    hole = rng.uniform(0.48, 0.7)
    return [("main", ellipse(0, 0, 0.95, 0.95, 40)), ("hole", ellipse(0, 0, hole, hole, 36))]


def _diamond(rng: random.Random) -> list[Part]:
    width = rng.uniform(0.6, 0.85)
    return [("main", [(0, -0.98), (width, 0), (0, 0.98), (-width, 0)])]


def _cross(rng: random.Random) -> list[Part]:
    a, w = 0.92, rng.uniform(0.2, 0.34)
    plus = [
        (-w, -a),
        (w, -a),
        (w, -w),
        (a, -w),
        (a, w),
        (w, w),
        (w, a),
        (-w, a),
        (-w, w),
        (-a, w),
        (-a, -w),
        (-w, -w),
    ]
    return [("main", plus if rng.random() < 0.8 else rotated(plus, pi / 4))]


def _house(rng: random.Random) -> list[Part]:
    wall, eaves = rng.uniform(0.58, 0.68), rng.uniform(-0.15, 0.0)
    roof: Role = rng.choices(("main", "dark", "wood", "other"), (3, 4, 2, 3))[0]
    parts: list[Part] = []
    if rng.random() < 0.3:
        parts.append(("dark", box(0.28, -0.8, 0.46, -0.2)))
    parts.append(("main", box(-wall, eaves, wall, 0.85)))
    parts.append((roof, [(0, -0.95), (wall + 0.22, eaves), (-wall - 0.22, eaves)]))
    door = rng.uniform(-0.12, 0.12)
    parts.append((rng.choice(("dark", "light", "wood", "other")), box(door - 0.14, 0.35, door + 0.14, 0.85)))
    if rng.random() < 0.6:
        parts.append(("light", box(-0.48, 0.12, -0.24, 0.36)))
        parts.append(("light", box(0.26, 0.12, 0.5, 0.36)))
    return parts


def _tree(rng: random.Random) -> list[Part]:
    trunk = rng.uniform(0.1, 0.17)
    parts: list[Part] = [("wood", box(-trunk, 0.1, trunk, 0.97))]
    kind = rng.random()
    if kind < 0.45:
        parts.append(("main", ellipse(0, -0.3, rng.uniform(0.48, 0.85), rng.uniform(0.45, 0.68))))
    elif kind < 0.7:
        parts += [("main", ellipse(x, y, 0.4, 0.4)) for x, y in ((-0.32, -0.08), (0.32, -0.08), (0, -0.5))]
    else:
        parts += [("main", [(0, top), (half, low), (-half, low)]) for top, low, half in _FIR]
    return parts


_FIR = ((-0.3, 0.55, 0.68), (-0.65, 0.15, 0.54), (-0.97, -0.25, 0.4))


def _car(rng: random.Random) -> list[Part]:
    shift = rng.uniform(-0.12, 0.12)
    cabin = [(-0.5 + shift, -0.05), (-0.3 + shift, -0.5), (0.3 + shift, -0.5), (0.52 + shift, -0.05)]
    window = [(-0.34 + shift, -0.06), (-0.22 + shift, -0.38), (0.22 + shift, -0.38), (0.36 + shift, -0.06)]
    wheel = rng.uniform(0.18, 0.23)
    parts: list[Part] = [("main", cabin), ("main", box(-0.97, -0.08, 0.97, 0.38)), ("light", window)]
    parts += [("ink", ellipse(x, 0.4, wheel, wheel, 18)) for x in (-0.55, 0.55)]
    return parts


def _fish(rng: random.Random) -> list[Part]:
    side = rng.choice((-1, 1))
    belly = rng.uniform(0.36, 0.48)
    tail = [(0.45 * side, 0.0), (0.97 * side, -0.42), (0.97 * side, 0.42)]
    parts: list[Part] = [
        (rng.choice(("main", "dark")), tail),
        ("main", ellipse(-0.22 * side, 0, 0.74, belly)),
        ("light", ellipse(-0.62 * side, -0.1, 0.09, 0.09, 12)),
        ("ink", ellipse(-0.64 * side, -0.1, 0.045, 0.045, 10)),
    ]
    if rng.random() < 0.4:
        parts.insert(
            0, ("dark", [(-0.3 * side, -belly + 0.08), (0.1 * side, -belly - 0.25), (0.2 * side, -0.25)])
        )
    return parts


def _flower(rng: random.Random) -> list[Part]:
    petals, radius = rng.randint(5, 8), rng.uniform(0.28, 0.34)
    stem = rng.random() < 0.4
    scale = rng.uniform(0.5, 0.65) if stem else 1.0
    y = 0.94 * scale - 0.94 if stem else 0.0
    parts: list[Part] = []
    if stem:
        green: Role = rng.choice(("wood", "leaf", "leaf"))
        parts.append((green, box(-0.05, y, 0.05, 0.98)))
        for side in rng.choice(((), (-1,), (1,), (-1, 1))):
            leaf = rotated(ellipse(0.26, 0, 0.24, 0.1, 16), rng.uniform(-0.8, -0.2))
            low = rng.uniform(0.6, 0.85)
            parts.append((green, [(side * x, low + dy) for x, dy in leaf]))
    for i in range(petals):
        angle = 2 * pi * i / petals
        reach = 0.6 * scale
        x = reach * sin(angle)
        parts.append(("main", ellipse(x, y - reach * cos(angle), radius * scale, radius * scale, 18)))
    parts.append(("main", ellipse(0, y, 0.45 * scale, 0.45 * scale, 20)))
    middle = rng.uniform(0.22, 0.32) * scale
    parts.append((rng.choice(("warm", "warm", "light", "dark")), ellipse(0, y, middle, middle, 18)))
    return parts


def _sun(rng: random.Random) -> list[Part]:
    rays, disc = rng.randint(8, 12), rng.uniform(0.48, 0.58)
    width = rng.uniform(0.08, 0.14)
    parts: list[Part] = [("main", ellipse(0, 0, disc, disc, 32))]
    pointed = rng.random() < 0.6
    for i in range(rays):
        tip = 0.03 if pointed else width * 0.7
        base = width if pointed else width * 0.7
        start = disc - 0.03 if pointed else disc + 0.1
        ray = [(-base, -start), (-tip, -0.98), (tip, -0.98), (base, -start)]
        parts.append(("main", rotated(ray, 2 * pi * i / rays)))
    return parts


def _boat(rng: random.Random) -> list[Part]:
    side = rng.choice((-1, 1))
    sail: Role = rng.choices(("light", "main", "other"), (6, 3, 1))[0]
    sails: list[Part] = [(sail, [(0.06 * side, -0.9), (0.06 * side, 0.2), (0.72 * side, 0.2)])]
    if rng.random() < 0.5:
        sails.append((sail, [(-0.06 * side, -0.7), (-0.06 * side, 0.2), (-0.55 * side, 0.2)]))
    hull = [(-0.95, 0.32), (0.95, 0.32), (0.6, 0.82), (-0.6, 0.82)]
    return [("wood", box(-0.04, -0.95, 0.04, 0.35)), *sails, ("main", hull)]


def _cat(rng: random.Random) -> list[Part]:
    parts: list[Part] = []
    for side in (-1, 1):
        parts.append(("main", [(0.82 * side, -0.95), (0.78 * side, -0.05), (0.12 * side, -0.5)]))
    parts.append(("main", ellipse(0, 0.12, 0.82, rng.uniform(0.68, 0.78), 36)))
    for side in (-1, 1):
        parts.append(("light", ellipse(0.32 * side, 0.0, 0.15, 0.17, 14)))
        parts.append(("ink", ellipse(0.32 * side, 0.02, 0.07, 0.12, 12)))
    parts.append(("ink", [(-0.09, 0.28), (0.09, 0.28), (0, 0.4)]))
    if rng.random() < 0.5:
        for side in (-1, 1):
            parts += [
                ("ink", box(min(0.3 * side, 0.75 * side), y, max(0.3 * side, 0.75 * side), y + 0.03))
                for y in (0.34, 0.46)
            ]
    return parts


OUTLINES: dict[str, Callable[[random.Random], list[Part]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "ring": _ring,
    "diamond": _diamond,
    "cross": _cross,
    "house": _house,
    "tree": _tree,
    "car": _car,
    "fish": _fish,
    "flower": _flower,
    "sun": _sun,
    "boat": _boat,
    "cat": _cat,
}
