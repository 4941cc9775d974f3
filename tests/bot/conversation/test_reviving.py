from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from bot.conversation import reviving
from bot.conversation.reviving import EngineDownError, RevivedEngine
from inference.errors import DeviceError, EngineError, QueueFullError
from tests.bot.conversation.chats import on_loop
from tests.fake_engine import FakeEngine

FAILURE = EngineError("The device is out of memory.")


class Machine:
    """Loads these engines, one after the other."""

    def __init__(self, *engines: FakeEngine) -> None:
        self._engines: Iterator[FakeEngine] = iter(engines)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[FakeEngine]:
        yield next(self._engines)


@on_loop
async def test_an_engine_that_has_no_room_for_the_probe_is_not_given_up() -> None:
    engine = FakeEngine(FAILURE, QueueFullError("256 requests are waiting already."))
    async with RevivedEngine(Machine(engine).load) as revived:
        with pytest.raises(EngineError) as caught:
            await revived.generate(["one?"])
        assert caught.value is FAILURE
        assert len(engine.asked) == 2
        assert not revived.is_down


@pytest.mark.parametrize("goes_on", [True, False])
@on_loop
async def test_an_engine_that_answers_others_before_the_probe_is_not_given_up(goes_on: bool) -> None:
    piece, late = asyncio.Event(), asyncio.Event()
    engine = FakeEngine(["One", piece, " two."], FAILURE, [late, TimeoutError()])
    async with RevivedEngine(Machine(engine, FakeEngine()).load) as revived:
        other = revived.stream(["count"])
        assert await anext(other) == "One"
        failed = asyncio.create_task(revived.generate(["one?"]))
        await engine.until_asked(3)
        if goes_on:
            piece.set()
            assert await anext(other) == " two."
        late.set()
        with pytest.raises(EngineError) as caught:
            await failed
        assert isinstance(caught.value, EngineDownError) is not goes_on
        await other.aclose()


@on_loop
async def test_what_an_engine_that_was_given_up_says_is_not_held_against_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reviving, "RETRY_AFTER_S", (0.0,))
    late = asyncio.Event()
    first = FakeEngine(FAILURE, [late, TimeoutError()], FAILURE, FAILURE)
    second = FakeEngine()
    async with RevivedEngine(Machine(first, second, FakeEngine()).load) as revived:
        one = asyncio.create_task(revived.generate(["one?"]))
        await first.until_asked(2)
        with pytest.raises(EngineDownError) as caught:
            await revived.generate(["two?"])
        await caught.value.recovered.wait()
        late.set()
        with pytest.raises(EngineDownError):
            await one
        assert not revived.is_down
        assert revived.engine is second


@on_loop
async def test_a_device_that_turns_out_to_be_lost_while_the_model_is_loaded_again_is_told() -> None:
    """As one that hangs is: a load beside it may never come to an end."""
    piece, late, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
    lost = DeviceError("The device has not answered.")
    engine = FakeEngine(["One", piece, lost], FAILURE, [late, TimeoutError()])
    loads = 0

    @asynccontextmanager
    async def load() -> AsyncIterator[FakeEngine]:
        nonlocal loads
        loads += 1
        if loads > 1:
            await never.wait()
        yield engine

    async with RevivedEngine(load) as revived:
        other = revived.stream(["count"])
        assert await anext(other) == "One"
        failed = asyncio.create_task(revived.generate(["one?"]))
        await engine.until_asked(3)
        late.set()
        with pytest.raises(EngineDownError):
            await failed
        piece.set()
        with pytest.raises(EngineDownError) as caught:
            await anext(other)
        assert caught.value.device_failed
        with pytest.raises(DeviceError) as told:
            await revived.lost()
        assert told.value is lost
