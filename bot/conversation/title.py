"""A short name for a conversation, from what it began with."""

from __future__ import annotations

import re

from bot.conversation.splitting import SENTENCE_ENDS
from bot.languages.words import ENGLISH, Words, marked

MAX_LENGTH = 100
"""Characters; Discord's limit for the name of a thread."""
WITHOUT_TEXT = marked("About a picture")

_SENTENCE = re.compile(rf".+?[{SENTENCE_ENDS}]+(?=\s|$)|.+", re.DOTALL)


def title(text: str, words: Words = ENGLISH) -> str:
    """The first sentence of the question on one line, cut off between words if it is too long."""
    parts = re.sub(r"[*_`~|#>]+", "", text).split()
    line = " ".join(part for part in parts if "://" not in part)
    sentence = _SENTENCE.match(line)
    if sentence is None:
        return words.said(WITHOUT_TEXT)
    name = sentence[0].strip()
    if len(name) <= MAX_LENGTH:
        return name
    space = name.rfind(" ", MAX_LENGTH // 2, MAX_LENGTH)
    return f"{name[: space if space > 0 else MAX_LENGTH - 1]}…"
