from __future__ import annotations

from bot.web.sessions import Session
from bot.web.snowflakes import Snowflakes


def test_ids_grow_although_the_clock_stands_still_or_goes_back() -> None:
    times = iter([1_700_000_000.0, 1_700_000_000.0, 1_600_000_000.0, 1_700_000_001.0])
    snowflakes = Snowflakes(lambda: next(times))
    ids = [snowflakes.next() for _ in range(4)]
    assert ids == sorted(set(ids))
    assert (ids[0] >> 22) + 1_420_070_400_000 == 1_700_000_000_000


def test_a_session_always_has_the_same_ids_and_another_one_others() -> None:
    name = "0123456789abcdef" * 2
    assert Session(name).place == Session(name).place
    ids = {session.place.id for session in (Session(name), Session.new(), Session.new())} | {
        Session(name).person.id
    }
    assert len(ids) == 4
    assert all(0 < each < 2**63 for each in ids)
