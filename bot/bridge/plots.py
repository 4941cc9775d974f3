"""A server's figures of the last days, as a small picture."""

from __future__ import annotations

from collections.abc import Sequence

from bot.bridge.cards import ACCENT, MARGIN, MUTED, QUIET, TEXT, TRACK, WIDTH, Card
from bot.conversation.keeping import Statistics
from bot.languages.words import Words

_PANEL, _HEAD, _GAP = 56, 24, 18


def draw_statistics(statistics: Statistics, words: Words) -> bytes:
    """A PNG file: answers, tokens per second and seconds to the first token, day by day."""
    days = statistics.days
    card = Card(2 * MARGIN + 3 * (_HEAD + _PANEL) + 2 * _GAP + 16)
    y = float(MARGIN)
    answers = [float(day.answers) for day in days]
    _title(card, y, words("Answers"), words.number(statistics.answers))
    _columns(card, y + _HEAD, answers)
    y += _HEAD + _PANEL + _GAP
    rates = [day.tokens_per_second for day in days]
    _title(card, y, words("Tokens per second"), _median(statistics.tokens_per_second, 1, words))
    _curve(card, y + _HEAD, rates)
    y += _HEAD + _PANEL + _GAP
    firsts = [day.first_token_seconds for day in days]
    _title(card, y, words("Seconds to the first token"), _median(statistics.first_token_seconds, 2, words))
    _curve(card, y + _HEAD, firsts)
    y += _HEAD + _PANEL + 14
    ago = words.plural("{number} day ago", "{number} days ago", len(days) - 1)
    card.text(MARGIN, y, ago, 12, QUIET)
    card.text(WIDTH - MARGIN, y, words("today"), 12, QUIET, anchor="rm")
    return card.png


def _median(value: float | None, digits: int, words: Words) -> str:
    return "–" if value is None else words.number(round(value, digits))  # noqa: RUF001 (a dash for nothing)


def _title(card: Card, y: float, name: str, figure: str) -> None:
    card.text(MARGIN, y + 8, name, 13, QUIET)
    card.text(WIDTH - MARGIN, y + 8, figure, 17, TEXT, anchor="rm")


def _step(count: int) -> float:
    return (WIDTH - 2 * MARGIN) / count


def _columns(card: Card, y: float, values: Sequence[float]) -> None:
    step, most = _step(len(values)), max([*values, 1.0])
    for at, value in enumerate(values):
        height = max(3.0, _PANEL * value / most)
        colour = TRACK if not value else ACCENT if at == len(values) - 1 else MUTED
        card.bar(MARGIN + at * step + 2, y + _PANEL - height, step - 4, height, colour, radius=3)


def _curve(card: Card, y: float, values: Sequence[float | None]) -> None:
    """A line through the days that have a value; it begins anew after days without one."""
    step, most = _step(len(values)), max([value for value in values if value is not None] or [1.0]) or 1.0
    card.bar(MARGIN, y + _PANEL - 1, WIDTH - 2 * MARGIN, 1, TRACK, radius=0)
    points: list[tuple[float, float]] = []
    for at, value in enumerate([*values, None]):
        if value is not None:
            points.append((MARGIN + (at + 0.5) * step, y + _PANEL - 4 - (_PANEL - 10) * value / most))
        elif points:
            card.line(points, ACCENT)
            points = []
