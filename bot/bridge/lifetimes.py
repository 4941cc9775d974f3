"""How long what is said is kept, as a sentence."""

from __future__ import annotations

from bot.languages.words import Words


def kept_for(days: int, words: Words) -> str:
    return words.plural(
        "What is said here is forgotten after {number} day.",
        "What is said here is forgotten after {number} days.",
        days,
    )
