from __future__ import annotations

import pytest

from bot.conversation.messages import Person, Place, PlaceKind
from bot.conversation.requests import Outcome, Request, RequestState
from bot.web.shown import Answer

REQUEST = Request(1, Place(2, PlaceKind.WEB), Person(3, "You"), RequestState.DONE)


@pytest.mark.parametrize(
    ("first", "total", "tokens", "speed"),
    [
        (1.0, 3.0, 21, 10.0),
        (5.0, 5.001, 50, 50 / 5.001),  # of several beams: nothing came before the end
        (1.0, 1.0, 1, None),
    ],
)
def test_how_fast_an_answer_was(first: float, total: float, tokens: int, speed: float | None) -> None:
    outcome = Outcome(
        RequestState.DONE,
        "A house.",
        completion_tokens=tokens,
        first_token_seconds=first,
        total_seconds=total,
    )
    assert Answer.recorded(REQUEST, outcome).shown()["speed"] == {
        "first_token_seconds": first,
        "tokens_per_second": None if speed is None else pytest.approx(speed),
        "tokens": tokens,
    }
