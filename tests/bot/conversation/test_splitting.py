from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.splitting import split

LANGUAGE = "ß"
WORDS = st.sampled_from(["a", "word", "Sentence.", "x" * 40, "x" * 300, "ja!", "`code`", "``", "é" * 9])
GAPS = st.sampled_from([" ", "\n", "\n\n", "  ", " \n", "\n    "])
FENCES = st.sampled_from(["``` ", f"```{LANGUAGE}\n", "```\n", "\n```\n", "`````` ", "```` "])
TEXTS = st.lists(st.one_of(WORDS, GAPS, GAPS, FENCES), max_size=60).map("".join)


def unfenced(text: str) -> str:
    """The text without fences, the language and white space."""
    return re.sub(rf"\s|{LANGUAGE}", "", text.replace("```", ""))


@given(TEXTS | st.text(max_size=500), st.integers(64, 120))
def test_nothing_is_lost_fences_are_balanced_and_every_part_fits(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert all(part.strip() for part in parts)
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert "".join(unfenced(part) for part in parts) == unfenced(text)


@given(TEXTS.filter(lambda text: text.count("```") % 2 == 0))
def test_a_text_that_fits_is_one_part(text: str) -> None:
    assert split(text, max(64, len(text))) == ([text.strip()] if text.strip() else [])


@given(st.text(alphabet="ab .\n", max_size=400), st.integers(64, 100))
def test_parts_come_in_order_as_they_are_written(text: str, limit: int) -> None:
    at = 0
    for part in split(text, limit):
        at = text.index(part, at) + len(part)
    assert not text[at:].strip()


def test_paragraphs_before_lines_before_sentences_before_words() -> None:
    assert split(f"{'a' * 60}\n\n{'b' * 20}\n{'c' * 40}", 100) == ["a" * 60, f"{'b' * 20}\n{'c' * 40}"]
    assert split(f"{'a' * 60}\n{'b' * 20}. {'c' * 40}", 100) == ["a" * 60, f"{'b' * 20}. {'c' * 40}"]
    assert split(f"{'a' * 60}. {'b' * 20} {'c' * 40}", 100) == [f"{'a' * 60}.", f"{'b' * 20} {'c' * 40}"]
    assert split(f"{'م' * 60}؟ {'ن' * 20} {'ي' * 40}", 100) == [f"{'م' * 60}؟", f"{'ن' * 20} {'ي' * 40}"]
    assert split(f"{'a' * 20} {'b' * 90}", 100) == ["a" * 20, "b" * 90]
    assert split("a" * 150, 100) == ["a" * 96, "a" * 54]


def test_a_part_is_not_almost_empty_for_the_sake_of_a_paragraph() -> None:
    first, second = split(f"Yes.\n\n{'word ' * 30}", 100)
    assert len(first) > 50
    assert len(second) > 50


def test_code_that_is_cut_is_closed_and_opened_again() -> None:
    lines = "\n".join(f"    line({number})" for number in range(8))
    parts = split(f"Look:\n```python\n{lines}\n```\nThat is all of it.", 80)
    assert len(parts) == 2
    assert parts[0].startswith("Look:\n```python\n    line(0)\n")
    assert parts[0].endswith("\n```")
    assert parts[1].startswith("```python\n    line(")
    assert parts[-1].endswith("```\nThat is all of it.")


def test_a_block_that_fits_is_not_cut() -> None:
    text = dedent(
        f"""\
        {"Something about it. " * 3}
        ```py
        {"one line of code"}
        {"one more of them"}
        ```
        """
    )
    first, second = split(text, 80)
    assert "```" not in first
    assert second == "```py\none line of code\none more of them\n```"


def test_a_block_that_is_not_closed_yet() -> None:
    assert split("See:\n```py\nprint(1)") == ["See:\n```py\nprint(1)\n```"]


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_to_say(text: str) -> None:
    assert split(text) == []
