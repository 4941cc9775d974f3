from __future__ import annotations

import asyncio

from bot.bridge.pacing import Pacer


def test_a_channel_has_one_turn_per_interval_and_others_their_own() -> None:
    now = 100.0
    pacer = Pacer(1.0, lambda: now)
    assert pacer.take(1)
    assert not pacer.take(1)
    assert pacer.take(2)
    now = 100.9
    assert not pacer.take(1)
    now = 101.0
    assert pacer.take(1)


def test_who_has_to_write_waits_for_a_turn_and_keeps_it_from_others() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def main() -> None:
        pacer = Pacer(1.0, lambda: 100.0)
        with_sleep = asyncio.sleep
        asyncio.sleep = sleep  # type: ignore[assignment]
        try:
            await pacer.wait(1)
            await pacer.wait(1)
            await pacer.wait(1)
        finally:
            asyncio.sleep = with_sleep
        assert not pacer.take(1)

    asyncio.run(main())
    assert waited == [1.0, 2.0]
