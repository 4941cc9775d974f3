"""The sentences of a page's source: its texts, and the attributes that people read or hear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import IO, Any

READ = frozenset({"title", "aria-label", "placeholder"})
"""Attributes; `words.js` translates the same ones."""
_NOT_READ = frozenset({"script", "style"})


def extract_html(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, None, str, list[str]]]:
    """As Babel calls it: line, function, sentence and comments of each."""
    page = _Page()
    page.feed(file.read().decode())
    yield from ((line, None, sentence, []) for line, sentence in page.found)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        for name, value in attributes:
            if name in READ and value:
                self._add(value)

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] not in ([tag] for tag in _NOT_READ):
            self._add(data)

    def _add(self, text: str) -> None:
        sentence = " ".join(text.split())
        if re.search(r"[^\W\d]", sentence):
            self.found.append((self.getpos()[0], sentence))
