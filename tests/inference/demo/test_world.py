"""The world of drawings: what is drawn is what is said to be drawn."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from inference.demo.drawing import (
    Style,
    clean_style,
    disturbed_style,
    draw_placed,
    draw_scene,
    place_things,
)
from inference.demo.pen import by_hand
from inference.demo.shades import background_shade, colour_shade, distance
from inference.demo.shapes import OUTLINES
from inference.demo.undrawn import undrawn_picture
from inference.demo.world import BACKGROUNDS, COLOURS, SHAPES, Scene, Thing, random_scene, visible_colours


def test_every_shape_can_be_drawn_and_stays_in_its_circle() -> None:
    assert set(OUTLINES) == set(SHAPES)
    for shape, outline in OUTLINES.items():
        for seed in range(20):
            parts = outline(random.Random(seed))
            corners = np.array([corner for _, points in parts for corner in points])
            assert np.abs(corners).max() <= 1.02, shape
            # Nothing is so slight that it could not be seen beside the others.
            assert np.ptp(corners, axis=0).min() > 0.7, shape


def test_a_thing_is_drawn_in_its_colour_at_its_place() -> None:
    rng = random.Random(7)
    for _ in range(60):
        scene = Scene((Thing("circle", "red", rng.choice(("small", "big")), rng.randrange(9)),), "white")
        style = clean_style(rng)
        picture = np.asarray(draw_scene(scene, style, rng)).astype(int)
        height, width, _ = picture.shape
        red = (picture[..., 0] - picture[..., 1] > 100) & (picture[..., 0] - picture[..., 2] > 100)
        y, x = np.argwhere(red).mean(axis=0)
        thing = scene.things[0]
        assert int(3 * y / height) == thing.row
        assert int(3 * x / width) == thing.column
        extent = np.ptp(np.argwhere(red)[:, 1]) / width
        assert (extent < 0.21) == (thing.size == "small")


def test_a_thing_in_lines_is_not_filled() -> None:
    rng = random.Random(4)
    for shape in ("circle", "square", "heart", "house"):
        scene = Scene((Thing(shape, "red", "big", 4),), "white")
        style = Style(200, 200, pen=0.02, wobble=0.05, jitter=0.0)
        picture = np.asarray(draw_scene(scene, style, rng)).astype(int)
        red = picture[..., 0] - picture[..., 1] > 100
        assert 0.005 < red.mean() < 0.15, shape
        # What is not line is paper: there is no other shade.
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2


def test_a_line_by_hand_strays_but_little_and_is_one_piece() -> None:
    square = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    straight = np.array(by_hand(square, 0.0, random.Random(0)))
    for seed in range(50):
        line = np.array(by_hand(square, 0.2, random.Random(seed)))
        strayed = np.abs(line - straight)
        assert 0.01 < strayed.max() <= 0.1
        steps = np.linalg.norm(np.diff(line, axis=0, append=line[:1]), axis=1)
        assert steps.max() < 0.3


def test_things_do_not_cover_each_other() -> None:
    rng = random.Random(3)
    for _ in range(300):
        things = place_things(random_scene(rng), 0.09, rng)
        for i, one in enumerate(things):
            for other in things[:i]:
                apart = ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5
                assert apart > 0.6 * (one.radius + other.radius)


def test_things_can_be_seen_on_their_background() -> None:
    rng = random.Random(5)
    for background in BACKGROUNDS:
        for colour in visible_colours(background):
            far = [
                distance(colour_shade(rng, colour, wide=False), background_shade(rng, background, wide=False))
                for _ in range(30)
            ]
            assert sorted(far)[15] > 60, (colour, background)


def test_scenes_hold_every_shape_colour_size_and_cell() -> None:
    rng = random.Random(1)
    things = [thing for _ in range(2000) for thing in random_scene(rng).things]
    assert {thing.shape for thing in things} == set(SHAPES)
    assert {thing.colour for thing in things} == set(COLOURS)
    assert Counter(thing.cell for thing in things).keys() == set(range(9))
    for _ in range(200):
        cells = [thing.cell for thing in random_scene(rng).things]
        assert cells == sorted(set(cells))


def test_drawing_repeats_with_its_seed() -> None:
    def once() -> bytes:
        rng = random.Random(11)
        style = disturbed_style(rng)
        scene = random_scene(rng)
        return draw_placed(place_things(scene, style.jitter, rng), scene.background, style, rng).tobytes()

    assert once() == once()


def test_undrawn_pictures_are_not_plain() -> None:
    rng = random.Random(2)
    for _ in range(40):
        pixels = np.asarray(undrawn_picture(rng))
        colours = np.unique(pixels.reshape(-1, 3), axis=0)
        assert len(colours) > 60
