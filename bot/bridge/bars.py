"""Labels with their probabilities, as a picture of bars."""

from __future__ import annotations

from collections.abc import Sequence

from bot.bridge.cards import ACCENT, MARGIN, MUTED, QUIET, TEXT, TRACK, WIDTH, Card, font_for
from bot.conversation.requests import Part
from bot.languages.words import Words

MOST_BARS = 6
"""Of one picture; what is left is little."""
_ROW, _BAR, _SIZE, _TITLE = 30, 8, 15, 30
_SHARE = 52


def can_be_drawn(parts: Sequence[Part]) -> bool:
    """Whether this machine has letters for all labels."""
    return all(font_for(label, _SIZE) is not None for part in parts for label, _ in part.ranked)


def draw_bars(parts: Sequence[Part], words: Words) -> bytes:
    """A PNG file: for each picture its likeliest labels, numbered where there are several pictures."""
    several = len(parts) > 1
    rows = [part.ranked[:MOST_BARS] for part in parts]
    card = Card(2 * MARGIN - 6 + sum(len(each) * _ROW + (_TITLE if several else 0) for each in rows))
    y = float(MARGIN)
    for number, ranked in enumerate(rows, 1):
        if several:
            card.text(MARGIN, y + 6, words("Picture {number}", number=words.number(number)), 13, QUIET)
            y += _TITLE - 6
        for place, (label, share) in enumerate(ranked):
            _draw_bar(card, y, label, share, words, best=place == 0)
            y += _ROW
        y += 6 if several else 0
    return card.png


def described(parts: Sequence[Part], words: Words) -> str:
    """What the picture shows, for those who do not see it."""
    return "\n".join(
        ", ".join(f"{label} {words.percent(share)}" for label, share in part.ranked) for part in parts
    )[:1024]


def _draw_bar(card: Card, y: float, label: str, share: float, words: Words, *, best: bool) -> None:
    width = WIDTH - 2 * MARGIN
    name = card.fitted(label, _SIZE, width - _SHARE)
    card.text(MARGIN, y + 6, name, _SIZE, TEXT if best else QUIET)
    card.text(WIDTH - MARGIN, y + 6, words.percent(share), _SIZE, TEXT if best else QUIET, anchor="rm")
    card.bar(MARGIN, y + 17, width, _BAR - 2, TRACK, radius=3)
    if share >= 0.005:  # of less, the number says 0%
        card.bar(MARGIN, y + 17, max(_BAR - 2, width * share), _BAR - 2, ACCENT if best else MUTED, radius=3)
