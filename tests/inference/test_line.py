from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Future

import pytest

from inference import Options, QueueFullError
from inference.line import Line
from inference.prompt import EncodedPrompt
from inference.requests import GenerationRequest
from tests.inference.engine.stepping import Outcome


def request(queue_key: Hashable) -> GenerationRequest:
    return GenerationRequest(
        prompt=EncodedPrompt((1, 300), (), (-1, -1)),
        pictures=Future(),
        queue_key=queue_key,
        options=Options(),
        max_new_tokens=1,
        listener=Outcome(),
    )


def line_of(keys: str, most: int = 100) -> tuple[Line, list[GenerationRequest]]:
    line = Line(most)
    requests = [request(key) for key in keys]
    for each in requests:
        line.put(each)
    return line, requests


def served(line: Line) -> str:
    order = ""
    while waiting := line.waiting():
        order += str(waiting[0].queue_key)
        line.take(waiting[0])
    return order


def test_askers_take_turns_and_each_ones_requests_keep_their_order() -> None:
    line, requests = line_of("aaaabbc")
    assert [each.queue_key for each in line.waiting()] == list("abcabaa")
    assert [each for each in line.waiting() if each.queue_key == "a"] == requests[:4]
    assert served(line) == "abcabaa"


def test_whoever_was_served_goes_behind_those_who_wait() -> None:
    line, requests = line_of("aaab")
    line.take(requests[0])
    line.put(request("c"))
    assert served(line) == "baca"


def test_places_are_the_order_in_which_they_are_served() -> None:
    line, requests = line_of("aaabcb")
    for place, each in enumerate(line.waiting()):
        assert line.place(each) == place
    line.take(requests[3])
    assert line.place(requests[3]) is None
    assert line.place(request("a")) is None


def test_cancelled_requests_leave_the_line() -> None:
    line, requests = line_of("aab")
    requests[0].cancelled = True
    assert line.place(requests[0]) is None
    assert line.place(requests[1]) == 0
    assert line.waiting() == [requests[1], requests[2]]


def test_a_full_line_refuses_until_there_is_room() -> None:
    line, requests = line_of("ab", most=2)
    with pytest.raises(QueueFullError, match="2 requests"):
        line.put(request("c"))
    requests[0].cancelled = True
    line.put(last := request("c"))
    assert line.clear() == [requests[1], last]
    assert line.waiting() == []
