"""Options as callers give them."""

from __future__ import annotations

from typing import Any

import pytest

from inference import Options, OptionsError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_new_tokens", 2.5),
        ("max_new_tokens", "3"),
        ("num_beams", 2.0),
        ("seed", 1.5),
        ("seed", "x"),
        ("temperature", "warm"),
        ("top_p", None),
        ("stop", (1,)),
        ("stop", "User:"),
        ("stop", ("",)),
        ("max_new_tokens", 0),
        ("temperature", float("nan")),
        ("top_p", 0.0),
        ("num_beams", 17),
    ],
)
def test_a_value_of_another_type_or_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(OptionsError, match=r"[Ss]top" if name == "stop" else name):
        Options(**{name: value})
