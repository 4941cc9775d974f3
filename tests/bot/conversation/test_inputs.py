"""What moderators write."""

from __future__ import annotations

import pytest

from bot.conversation.inputs import (
    MAX_ANSWER,
    MAX_LABELS,
    MAX_PREFIX,
    UnusableInputError,
    read_answer,
    read_labels,
    read_prefix,
    written,
)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat, dog", ("cat", "dog")),
        (" cat ,, dog ,", ("cat", "dog")),
        ("cat, Cat, CAT, dog", ("cat", "dog")),
        ('"a cat, asleep", dog', ("a cat, asleep", "dog")),
        ('"the ""big"" one", dog', ('the "big" one', "dog")),
        ("12\" screen, dog's bowl", ('12" screen', "dog's bowl")),
        ("cat\ndog", ("cat", "dog")),
        ("قطة، كلب", ("قطة", "كلب")),
        ("red   car, blue car", ("red car", "blue car")),
    ],
)
def test_labels(text: str, labels: tuple[str, ...]) -> None:
    assert read_labels(text) == labels
    assert read_labels(written(labels)) == labels


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "at least two different labels"),
        ("cat", "at least two different labels"),
        ("cat, CAT", "at least two different labels"),
        (",,,", "at least two different labels"),
        (", ".join(f"label {number}" for number in range(200)), "Those are 200 labels, and at most 100"),
        ("cat, " + "x" * 100, "The label “xxx"),
    ],
)
def test_labels_that_cannot_be_chosen_from(text: str, sentence: str) -> None:
    with pytest.raises(UnusableInputError, match=sentence):
        read_labels(text)


def test_as_many_labels_as_possible() -> None:
    assert len(read_labels(", ".join(f"label {number}" for number in range(MAX_LABELS)))) == MAX_LABELS


def test_texts_are_on_one_line_and_not_too_long() -> None:
    assert read_prefix("  A picture\n of ") == "A picture of"
    assert read_answer(" A cat.\nIt sleeps. ") == "A cat. It sleeps."
    for read, most in ((read_prefix, MAX_PREFIX), (read_answer, MAX_ANSWER)):
        assert read("x" * most) == "x" * most
        with pytest.raises(UnusableInputError, match="5,000 characters"):
            read("x" * 5000)
        with pytest.raises(UnusableInputError, match="is empty"):
            read(" \n")
