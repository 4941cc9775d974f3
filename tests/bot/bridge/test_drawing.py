"""Pictures that the bot draws itself."""

from __future__ import annotations

import io

from PIL import Image

from bot.bridge import cards
from bot.bridge.bars import MOST_BARS, can_be_drawn, described, draw_bars
from bot.bridge.cards import ACCENT, MARGIN, MUTED, SCALE, WIDTH, Card
from bot.bridge.plots import draw_statistics
from bot.conversation.keeping import Day, Statistics
from bot.conversation.requests import Part
from bot.languages.words import ENGLISH, words_in

ONE = Part("cat (75%)", ranked=(("cat", 0.75), ("dog", 0.25), ("horse", 0.0)))


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return image.convert("RGBA")


def widths(image: Image.Image, colour: str) -> list[int]:
    """Of the bars in this colour, in pixels, from top to bottom."""
    wanted = (*bytes.fromhex(colour[1:]), 255)
    pixels = image.load()
    assert pixels is not None
    rows = [sum(pixels[x, y] == wanted for x in range(image.width)) for y in range(image.height)]
    found = [max(rows[at - 1 : at + 3]) for at, row in enumerate(rows) if row > 20 and rows[at - 1] <= 20]
    return found


def test_bars_are_as_long_as_the_labels_are_likely() -> None:
    image = opened(draw_bars([ONE], ENGLISH))
    full = (WIDTH - 2 * MARGIN) * SCALE
    [best] = widths(image, ACCENT)
    [second] = widths(image, MUTED)
    assert abs(best - 0.75 * full) <= 3
    assert abs(second - 0.25 * full) <= 3
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_each_picture_has_bars_and_a_description() -> None:
    assert len(widths(opened(draw_bars([ONE, ONE], ENGLISH)), ACCENT)) == 2
    assert described([ONE, ONE], ENGLISH) == "\n".join(["cat 75%, dog 25%, horse 0%"] * 2)
    many = Part("x", ranked=tuple((f"label {number}", 1 / 40) for number in range(40)))
    few = Part("x", ranked=many.ranked[:MOST_BARS])
    assert opened(draw_bars([many], ENGLISH)).size == opened(draw_bars([few], ENGLISH)).size
    assert len(described([many] * 20, ENGLISH)) == 1024


def test_a_label_that_is_too_wide_is_cut_off() -> None:
    card = Card(50)
    short = card.fitted("x" * 500, 15, 100)
    assert short.endswith("…")
    assert 5 < len(short) < 50
    assert card.fitted("cat", 15, 100) == "cat"


def test_letters_that_no_font_has_are_not_drawn() -> None:
    assert can_be_drawn([ONE])
    assert not can_be_drawn([Part("x", ranked=(("\U0010fffe", 1.0),))])
    assert cards.font_for("cat", 15) is not None


def test_a_plot_of_days_with_and_without_answers() -> None:
    days = tuple(Day(ago, 3 if ago % 2 else 0, 20.0 if ago % 2 else None, 0.5) for ago in range(13, -1, -1))
    for words in (ENGLISH, words_in("ar")):
        data = draw_statistics(Statistics(days, 21, 20.0, 0.5, 1, 0), words)
        assert opened(data).width == WIDTH * SCALE
    nothing = tuple(Day(ago, 0, None, None) for ago in range(13, -1, -1))
    assert draw_statistics(Statistics(nothing, 0, None, None, 0, 0), ENGLISH)
