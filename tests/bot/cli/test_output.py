from __future__ import annotations

import pytest

from bot.cli.output import printable, trimmed


def test_printable_keeps_text_and_line_breaks_only() -> None:
    assert printable("a\tb\nc\x1b[31m\x00\x9b é ✓") == "a\tb\nc[31m é ✓"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([" A", " red", "\n", " square", " \n"], "A red\n square"),
        (["\n", " ", "One"], "One"),
        (["\x1b[2J"], "[2J"),
        (["", " "], ""),
    ],
)
def test_trimmed_pieces_join_to_the_text_without_its_ends(pieces: list[str], text: str) -> None:
    shown: list[str] = []
    write = trimmed(shown.append)
    for piece in pieces:
        write(piece)
    assert "".join(shown) == text
    assert "" not in shown
