"""Polygons as lists of corners; y points down."""

from __future__ import annotations

from math import cos, pi, sin

Point = tuple[float, float]


def ellipse(x: float, y: float, rx: float, ry: float, corners: int = 28) -> list[Point]:
    """Around a centre, with its half axes."""
    turn = 2 * pi / corners
    return [(x + rx * cos(turn * i), y + ry * sin(turn * i)) for i in range(corners)]


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def rotated(points: list[Point], angle: float) -> list[Point]:
    """Around the origin, clockwise as y points down; radians."""
    c, s = cos(angle), sin(angle)
    return [(x * c - y * s, x * s + y * c) for x, y in points]


def spikes(count: int, outer: float, inner: float) -> list[Point]:
    """A star around the origin, its first point at the top."""
    return [
        (
            (outer if i % 2 == 0 else inner) * sin(pi * i / count),
            -(outer if i % 2 == 0 else inner) * cos(pi * i / count),
        )
        for i in range(2 * count)
    ]
