from __future__ import annotations

import io

import pytest
from rich.console import Console

from bot.cli.output import AnswerRecord, print_bars, printable, trimmed


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


def test_bars_are_as_long_as_the_labels_are_likely() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_bars([AnswerRecord("cat", "stop", 1, 0, 0, 0.1, {"cat": 0.75, "a dog": 0.25})], console)
    assert isinstance(console.file, io.StringIO)
    cat, dog = console.file.getvalue().splitlines()
    assert cat == f"cat    {'█' * 18}{'·' * 6}   75%"
    assert dog == f"a dog  {'█' * 6}{'·' * 18}   25%"
