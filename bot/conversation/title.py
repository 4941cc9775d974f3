"""A short name for a conversation, from what it began with."""

from __future__ import annotations

import re

MAX_LENGTH = 100
"""Characters; Discord's limit for the name of a thread."""
WITHOUT_TEXT = "About a picture"

_SENTENCE = re.compile(r".+?[.!?…。！？]+(?=\s|$)|.+", re.DOTALL)  # noqa: RUF001 (full-width marks)


def title(text: str) -> str:
    """The first sentence of the question on one line, cut off between words if it is too long."""
    words = re.sub(r"[*_`~|#>]+", "", text).split()
    line = " ".join(word for word in words if "://" not in word)
    sentence = _SENTENCE.match(line)
    if sentence is None:
        return WITHOUT_TEXT
    name = sentence[0].strip()
    if len(name) <= MAX_LENGTH:
        return name
    space = name.rfind(" ", MAX_LENGTH // 2, MAX_LENGTH)
    return f"{name[: space if space > 0 else MAX_LENGTH - 1]}…"
