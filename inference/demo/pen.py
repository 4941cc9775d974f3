"""Outlines as a hand draws them: in lines that are not quite straight."""

from __future__ import annotations

import random
from math import ceil, dist, pi, sin

from inference.demo.geometry import Point

_PIECE = 0.15
"""Longest straight piece of a line by hand, in the units of the outlines."""


def by_hand(points: list[Point], wobble: float, rng: random.Random) -> list[Point]:
    """The closed outline with its points astray, neighbours by almost as much as each other.

    None strays by more than `wobble` of half the outline's width or height, whichever is larger.
    """
    reach = wobble / 2 * max(max(axis) - min(axis) for axis in zip(*points, strict=True)) / 2
    waves = [(rng.randint(1, 4), rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi)) for _ in range(2)]
    line = [
        point
        for one, other in zip(points, [*points[1:], points[0]], strict=True)
        for point in _between(one, other)
    ]
    moved: list[Point] = []
    for i, (x, y) in enumerate(line):
        turn = 2 * pi * i / len(line)
        moved.append(
            (
                x + reach * sum(sin(times * turn + phase) for times, phase, _ in waves),
                y + reach * sum(sin(times * turn + phase) for times, _, phase in waves),
            )
        )
    return moved


def _between(one: Point, other: Point) -> list[Point]:
    """Points from `one` up to, but without, `other`."""
    pieces = max(1, ceil(dist(one, other) / _PIECE))
    (x0, y0), (x1, y1) = one, other
    return [(x0 + (x1 - x0) * i / pieces, y0 + (y1 - y0) * i / pieces) for i in range(pieces)]
