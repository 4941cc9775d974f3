"""The thread that steps a driver, and what happens when the driver fails or hangs."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import Future

import pytest

import inference.worker
from inference import DeviceError, EngineError, Options, QueueFullError, Reply
from inference.line import Line
from inference.prompt import EncodedPrompt
from inference.requests import FutureListener, GenerationRequest, Request
from inference.worker import DeviceLostError, DriverLostError, Worker

REPLY = Reply("text", (300,), "stop", 1, 0, 1)


class Scripted:
    """Takes one request at each step and does with it what the test says."""

    def __init__(self, line: Line, act: Callable[[GenerationRequest], None]) -> None:
        self._line = line
        self._act = act
        self.running: list[Request] = []
        self.forgotten = 0

    def has_work(self) -> bool:
        return bool(self._line.waiting())

    def forget(self) -> None:
        self.forgotten += 1

    def step(self) -> None:
        request = self._line.waiting()[0]
        self._line.take(request)
        self.running = [request]
        assert isinstance(request, GenerationRequest)
        self._act(request)
        self.running = []


def asked() -> tuple[GenerationRequest, asyncio.Future[Reply]]:
    listener: FutureListener[Reply] = FutureListener()
    nothing: Future[tuple[()]] = Future()
    nothing.set_result(())
    request = GenerationRequest(
        prompt=EncodedPrompt((1, 300), (), (-1, -1)),
        pictures=nothing,
        options=Options(),
        max_new_tokens=1,
        listener=listener,
    )
    return request, listener.result


def started(act: Callable[[GenerationRequest], None], step_seconds: float | None = None) -> Worker:
    worker = Worker(Line(10), step_seconds=step_seconds)
    worker.start(lambda: Scripted(worker.line, act), lambda error: None)
    return worker


def test_a_driver_that_fails_fails_what_it_was_running_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def act(request: GenerationRequest) -> None:
        if request.options.max_new_tokens == 100:
            request.options = Options(max_new_tokens=1)
            raise ZeroDivisionError
        request.listener.finish(REPLY)

    async def main() -> None:
        worker = started(act)
        request, result = asked()
        worker.submit(request)
        with pytest.raises(EngineError, match="log"):
            await result
        request, result = asked()
        request.options = Options(max_new_tokens=2)
        worker.submit(request)
        assert await result == REPLY
        worker.close()
        await worker.ended()

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def test_pictures_of_a_request_that_is_refused_are_not_made_ready() -> None:
    """They would keep those of others waiting, whose requests were not."""

    async def main() -> None:
        worker = Worker(Line(1))
        worker.submit(asked()[0])
        refused, also = asked()[0], asked()[0]
        refused.pictures, also.pictures = Future(), Future()
        with pytest.raises(QueueFullError):
            worker.submit(refused)
        assert refused.pictures.cancelled()
        worker.close()
        with pytest.raises(EngineError, match="closed"):
            worker.submit(also)
        assert also.pictures.cancelled()

    asyncio.run(main())


def test_what_runs_and_waits_is_marked_when_it_is_to_be_forgotten() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act(request: GenerationRequest) -> None:
        begun.set()
        go_on.wait()
        request.listener.finish(REPLY)

    async def main() -> None:
        worker = Worker(Line(10))
        drivers: list[Scripted] = []

        def make() -> Scripted:
            drivers.append(Scripted(worker.line, act))
            return drivers[0]

        worker.start(make, lambda error: None)
        first, second = asked(), asked()
        worker.submit(first[0])
        worker.submit(second[0])
        await asyncio.to_thread(begun.wait)
        forgetting = asyncio.create_task(worker.forget())
        await asyncio.sleep(0)
        assert drivers[0].forgotten == 0
        go_on.set()
        await forgetting
        assert drivers[0].forgotten == 1
        await second[1]
        assert second[0].is_forgotten
        last = asked()
        worker.submit(last[0])
        await last[1]
        assert not last[0].is_forgotten
        worker.close()
        await worker.ended()
        with pytest.raises(EngineError, match="closed"):
            await worker.forget()

    asyncio.run(main())


def test_a_driver_that_cannot_forget_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Scripted, "forget", lambda _: 1 / 0)

    async def main() -> None:
        worker = started(lambda request: request.listener.finish(REPLY))
        with pytest.raises(EngineError, match="log"):
            await worker.forget()
        request, result = asked()
        worker.submit(request)
        await result
        worker.close()
        await worker.ended()

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("lost", "kind", "said"),
    [
        (DriverLostError, EngineError, "load the model again"),
        (DeviceLostError, DeviceError, "restart the program"),
    ],
)
def test_a_driver_that_is_lost_ends_the_worker_and_says_so(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    lost: type[DriverLostError],
    kind: type[EngineError],
    said: str,
) -> None:
    """What a step has put on a device that is lost is not freed with its frame, but kept with the error."""
    kept: list[tuple[Scripted, Exception]] = []
    monkeypatch.setattr(inference.worker, "_out_of_reach", kept)

    def act(request: GenerationRequest) -> None:
        raise lost

    async def main() -> None:
        worker = started(act)
        first, second = asked(), asked()
        worker.submit(first[0])
        try:
            worker.submit(second[0])
        except EngineError:
            second[1].cancel()
        with pytest.raises(EngineError, match=said) as told:
            await first[1]
        assert type(told.value) is kind
        await worker.ended()
        with pytest.raises(kind, match=said):
            worker.submit(asked()[0])

    asyncio.run(main())
    assert lost.__name__ in caplog.text
    if lost is DriverLostError:
        assert kept == []
        return
    [(driver, error)] = kept
    assert isinstance(driver, Scripted)
    assert act.__code__ in [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]


def test_a_step_that_hangs_fails_everyone_and_is_found_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def act(request: GenerationRequest) -> None:
        release.wait()

    async def main() -> None:
        worker = started(act, step_seconds=0.05)
        first, second = asked(), asked()
        worker.submit(first[0])
        worker.submit(second[0])
        for (_, result), kind in ((first, DeviceError), (second, EngineError)):
            with pytest.raises(EngineError, match="has not answered") as told:
                await result
            assert type(told.value) is kind, "only the first was on the device"
        with pytest.raises(DeviceError, match="has not answered"):
            worker.submit(asked()[0])
        worker.close()
        await worker.ended()

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(main())
    release.set()
    assert "release.wait()" in caplog.text


def test_an_engine_that_is_closed_keeps_nothing_on_the_device() -> None:
    drivers: list[weakref.ref[Scripted]] = []

    def driver_of(worker: Worker) -> Scripted:
        driver = Scripted(worker.line, lambda request: request.listener.finish(REPLY))
        drivers.append(weakref.ref(driver))
        return driver

    async def main() -> Worker:
        worker = Worker(Line(10), step_seconds=60)
        worker.start(lambda: driver_of(worker), lambda error: None)
        request, result = asked()
        worker.submit(request)
        await result
        worker.close()
        await worker.ended()
        return worker

    kept = asyncio.run(main())
    gc.collect()
    assert [driver() for driver in drivers] == [None]
    kept.close()
