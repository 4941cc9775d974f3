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


def test_blocks_may_overlap() -> None:
    """Engines begin and end, and record, while others run."""
    earlier, knot = garbage.settled(), Knot()
    gone = weakref.ref(knot)
    with earlier:
        with garbage.settled():
            pass
        assert gc.get_freeze_count() > 0
        del knot
        gc.collect()
        assert gone() is not None
        with garbage.settled():
            assert gone() is None
    assert gc.get_freeze_count() == 0


def test_one_engine_is_closed_while_another_runs() -> None:
    async def main() -> None:
        async with load_engine("demo") as engine:
            async with load_engine("demo") as other:
                await other.generate(["Hello"], Options(max_new_tokens=1))
            reply = await engine.generate(["Hello"], Options(max_new_tokens=1))
            assert reply.completion_tokens == 1
            assert gc.get_freeze_count() > 100_000
        assert gc.get_freeze_count() == 0

    asyncio.run(main())


def test_collections_pass_over_an_engine_while_it_runs() -> None:
    async def main() -> None:
        async with load_engine("demo") as engine:
            await engine.generate(["Hello"], Options(max_new_tokens=1))
            assert gc.get_freeze_count() > 100_000
        assert gc.get_freeze_count() == 0

    asyncio.run(main())
