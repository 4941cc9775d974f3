from __future__ import annotations

import math

import pytest

from inference.ranking import ranked


def test_labels_that_do_not_begin_each_other_keep_their_probabilities() -> None:
    ids = {"cat": (1, 2), "dog": (3,), "cow": (1, 4)}
    found = {"cat": -1.0, "dog": -2.0, "cow": -3.0}
    assert ranked(ids, found) == [("cat", -1.0), ("dog", -2.0), ("cow", -3.0)]
    assert ranked(ids, {"cat": -3.0, "dog": -2.0, "cow": -1.0})[0] == ("cow", -1.0)


def test_a_label_that_begins_others_loses_what_they_have_once() -> None:
    ids = {"car": (5,), "car park": (5, 6), "car parking": (5, 6, 7), "cars": (5, 8), "bus": (9,)}
    probability = {"car": 0.5, "car park": 0.2, "car parking": 0.15, "cars": 0.1, "bus": 0.3}
    result = dict(ranked(ids, {label: math.log(value) for label, value in probability.items()}))
    found = {label: math.exp(value) for label, value in result.items()}
    assert found == pytest.approx(
        {"car": 0.2, "car park": 0.05, "car parking": 0.15, "cars": 0.1, "bus": 0.3}, abs=1e-12
    )
    assert sum(found.values()) == pytest.approx(0.5 + 0.3)


def test_what_rounding_leaves_of_nothing_is_nothing() -> None:
    ids = {"a": (1,), "ab": (1, 2)}
    assert dict(ranked(ids, {"a": -1.0, "ab": -1.0 + 1e-9}))["a"] == -math.inf
    tiny = dict(ranked(ids, {"a": -2000.0, "ab": -2001.0}))
    assert tiny["a"] == pytest.approx(-2000.0 + math.log1p(-math.exp(-1)))
