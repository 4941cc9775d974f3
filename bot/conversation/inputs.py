"""What moderators write: labels, prefixes, answers of examples; cleaned, or refused in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.languages.words import ENGLISH, Words

MAX_LABELS = 100
MAX_LABEL = 80
"""Characters; also those of a choice in Discord that is read without being cut off."""
MAX_PREFIX = 300
MAX_ANSWER = 1000

_LABEL = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=[,،、，\n]|$)|([^,،、，\n]+))')  # noqa: RUF001


class UnusableInputError(Exception):
    """What was written cannot be used; the message is one sentence that says what to do."""


def read_labels(text: str, words: Words = ENGLISH) -> tuple[str, ...]:
    """Labels separated by commas or lines; one that contains a comma stands in double quotes.

    Raises:
        UnusableInputError: they cannot be chosen from.
    """
    return checked_labels(split_labels(text), words)


def split_labels(text: str) -> list[str]:
    """What stands between commas or line breaks, as it is written; quotes around it are not part of it."""
    return [quoted.replace('""', '"') or plain.strip() for quoted, plain in _LABEL.findall(text)]


def checked_labels(labels: Iterable[str], words: Words = ENGLISH) -> tuple[str, ...]:
    """Labels on one line each, each once, in their order.

    Raises:
        UnusableInputError: there are fewer than two, too many, or one is too long.
    """
    distinct: dict[str, str] = {}
    for label in labels:
        if one_line := " ".join(label.split()):
            distinct.setdefault(one_line.casefold(), one_line)
    found = tuple(distinct.values())
    if len(found) < 2:
        raise UnusableInputError(
            words("Give at least two different labels, separated by commas: cat, dog, something else.")
        )
    if len(found) > MAX_LABELS:
        raise UnusableInputError(
            words.plural(
                "That is {number} label, and at most {most} are possible: leave some out.",
                "Those are {number} labels, and at most {most} are possible: leave some out.",
                len(found),
                most=MAX_LABELS,
            )
        )
    if long := next((label for label in found if len(label) > MAX_LABEL), None):
        raise UnusableInputError(
            words(
                "The label “{label}…” is too long: a label has at most {most} characters.",
                label=long[:30],
                most=MAX_LABEL,
            )
        )
    return found


def written(labels: Sequence[str]) -> str:
    """As `read_labels` reads them."""
    return ", ".join(
        '"' + label.replace('"', '""') + '"' if re.search(r'[,،、，"]', label) else label  # noqa: RUF001
        for label in labels
    )


def read_prefix(text: str, words: Words = ENGLISH) -> str:
    """How captions begin, on one line.

    Raises:
        UnusableInputError: it is empty or too long.
    """
    prefix = " ".join(text.split())
    if not prefix:
        raise UnusableInputError(words("The prefix is empty: write how captions shall begin."))
    return _short(prefix, MAX_PREFIX, words)


def read_answer(text: str, words: Words = ENGLISH) -> str:
    """The answer of an example, on one line.

    Raises:
        UnusableInputError: it is empty or too long.
    """
    answer = " ".join(text.split())
    if not answer:
        raise UnusableInputError(words("The answer is empty: write what the bot should say to this picture."))
    return _short(answer, MAX_ANSWER, words)


def _short(text: str, most: int, words: Words) -> str:
    if len(text) > most:
        raise UnusableInputError(
            words(
                "That is too long: it has {count} characters, and at most {most} are possible.",
                count=words.number(len(text)),
                most=words.number(most),
            )
        )
    return text
