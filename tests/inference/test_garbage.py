from __future__ import annotations

import asyncio
import gc
import weakref

from inference import Options, garbage, load_engine


class Knot:
    """Garbage as soon as nobody else knows it, but only a collection finds it."""

    def __init__(self) -> None:
        self.me = self


def test_what_has_settled_is_looked_at_only_when_asked_for() -> None:
    knot = Knot()
    gone = weakref.ref(knot)
    with garbage.settled():
        del knot
        gc.collect()
        assert gone() is not None
        garbage.collect()
        assert gone() is None
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_collections_pass_over_an_engine_while_it_runs() -> None:
    async def main() -> None:
        async with load_engine("demo") as engine:
            await engine.generate(["Hello"], Options(max_new_tokens=1))
            assert gc.get_freeze_count() > 100_000
        assert gc.get_freeze_count() == 0

    asyncio.run(main())
