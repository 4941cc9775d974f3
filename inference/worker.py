"""The one thread that owns the device, and what watches over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from threading import Condition, Thread
from typing import Protocol

from inference import garbage
from inference.errors import DeviceError, EngineError
from inference.line import Line
from inference.requests import FutureListener, Request
from inference.watchdog import Watchdog

log = logging.getLogger(__name__)

CLOSED = "The engine was closed before the answer was finished."
FAILED = "The engine failed on this request; the log says why."
HANGS = "The device has not answered for {:.0f} seconds: restart the program."
LOST = "The device failed, and only a new process can use it again: restart the program."
NOT_RESTARTED = "The engine failed and could not be restarted: load the model again."

_out_of_reach: list[object] = []
"""What lies on devices that were lost: freeing it would end the process at once, before anybody is told."""


class DriverLostError(Exception):
    """The driver can do nothing any more; another one may."""


class DeviceLostError(DriverLostError):
    """Nor can any other in this process."""


class Driver(Protocol):
    """What does the device's work, step by step. It is made and used on the worker's thread."""

    @property
    def running(self) -> Sequence[Request]:
        """What was taken out of the line and is not finished."""
        ...

    def has_work(self) -> bool:
        """Whether a step would do anything now."""
        ...

    def step(self) -> None:
        """Works for a moment: takes requests out of the line, tells listeners what came of others.

        Raises:
            DriverLostError: nothing can be computed any more.
        """
        ...

    def forget(self) -> None:
        """Called between steps, when nothing is to be kept for later requests of what was asked so far.

        Requests that are under way are marked as forgotten.
        """
        ...


class Worker:
    """Steps a driver on a thread of its own while there is work, until it is closed.

    Args:
        step_seconds: a step that takes longer fails all requests and closes the worker; None allows any.
    """

    def __init__(self, line: Line, *, step_seconds: float | None = None) -> None:
        self.line = line
        self._step_seconds = step_seconds
        self._changed = Condition()
        self._closed = False
        self._failure: Callable[[], EngineError] | None = None
        self._driver: Driver | None = None
        self._on_end: list[Callable[[None], None]] = []
        self._forgetting: list[FutureListener[None]] = []
        """Who waits for what was asked to be forgotten."""
        self._ended = False
        self._hangs = False
        self._watchdog: Watchdog | None = None
        self._thread: Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called; work on the thread ends as soon as it can."""
        return self._closed

    def start(self, make_driver: Callable[[], Driver], failed: Callable[[Exception], None]) -> None:
        """Starts the thread, which makes the driver and serves; an error in making it goes to `failed`."""
        # As a daemon: a program that ends without closing its engine must not hang.
        self._thread = Thread(target=self._main, args=(make_driver, failed), name="inference", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Puts a request in line.

        Raises:
            QueueFullError: the line is full.
            EngineError: the worker was closed.
        """
        with self._changed:
            try:
                self.check_open()
                self.line.put(request)
            except EngineError:
                request.pictures.cancel()  # They would keep others' pictures waiting.
                raise
            self._changed.notify()
        request.pictures.add_done_callback(lambda _: self.wake())

    def check_open(self) -> None:
        """Makes sure that requests can be made.

        Raises:
            EngineError: the worker was closed.
        """
        if self._closed:
            raise self._failure() if self._failure else EngineError("The engine is closed.")

    def wake(self) -> None:
        """Has the driver asked again whether there is work."""
        with self._changed:
            self._changed.notify()

    async def forget(self) -> None:
        """Has the driver forget what was asked so far; returns once it has.

        Raises:
            EngineError: the worker was closed.
        """
        listener: FutureListener[None] = FutureListener()
        with self._changed:
            self.check_open()
            self._forgetting.append(listener)
            self._changed.notify()
        await listener.result

    def close(self) -> None:
        """Gives up what runs and fails what waits; returns at once. May be called again."""
        with self._changed:
            self._closed = True
            for request in self._driver.running if self._driver is not None else ():
                request.cancelled = True
            self._changed.notify()

    async def ended(self) -> None:
        """Returns once the thread has left the device, after `close`; at once if the device hangs."""
        listener: FutureListener[None] = FutureListener()
        with self._changed:
            if not self._ended:
                self._on_end.append(listener.finish)
            else:
                listener.finish(None)
        await asyncio.shield(listener.result)
        if self._thread is not None and not self._hangs:
            # It only returns now. A process that exits before it has would destroy torch under it.
            self._thread.join()

    def _main(self, make_driver: Callable[[], Driver], failed: Callable[[Exception], None]) -> None:
        try:
            try:
                driver = make_driver()
            except Exception as error:
                self._closed = True
                failed(error)
            else:
                self._driver = driver
                with garbage.settled():
                    self._serve(driver)
        finally:
            self._end()
            with self._changed:
                self._driver = None  # and with it what it has on the device, however long the engine is kept

    def _serve(self, driver: Driver) -> None:
        if self._step_seconds is not None:
            self._watchdog = Watchdog(self._step_seconds, self._hang)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._forgetting or driver.has_work())
                if self._closed:
                    return
                forgetting, self._forgetting = self._forgetting, []
            try:
                with self._watchdog.step() if self._watchdog is not None else nullcontext():
                    if forgetting:
                        self._forget(driver, forgetting)
                    else:
                        driver.step()
            except DriverLostError as error:
                log.exception("Nothing can be computed any more; the engine ends.")
                if isinstance(error, DeviceLostError):
                    _out_of_reach.append((driver, error))
                    self._failure = partial(DeviceError, LOST)
                else:
                    self._failure = partial(EngineError, NOT_RESTARTED)
                self._closed = True
            except Exception:
                # A driver answers for its requests itself; this is an error in it.
                log.exception("The engine failed; %d requests fail with it.", len(driver.running))
                for request in driver.running:
                    request.cancelled = True
                    request.listener.fail(EngineError(FAILED))
            if self._closed:
                return

    def _forget(self, driver: Driver, listeners: Sequence[FutureListener[None]]) -> None:
        for request in (*self.line.waiting(), *driver.running):
            request.is_forgotten = True
        try:
            driver.forget()
        except Exception:
            for listener in listeners:
                listener.fail(EngineError(FAILED))
            raise
        for listener in listeners:
            listener.finish(None)

    def _end(self) -> None:
        """Fails what is left and tells those who wait for the end."""
        with self._changed:
            self._closed = True
            if self._watchdog is not None:
                self._watchdog.stop()
            running = list(self._driver.running) if self._driver is not None else []
            waiting = self.line.clear()
            # What is on the device goes with it.
            forgetting, self._forgetting = self._forgetting, []
            first_time, self._ended = not self._ended, True
        failure = self._failure or partial(EngineError, CLOSED)
        for request in running:
            request.listener.fail(failure())
        for request in waiting:  # which the device has never seen
            request.listener.fail(EngineError(str(failure())))
        for listener in forgetting:
            listener.finish(None)
        if first_time:
            for tell in self._on_end:
                tell(None)

    def _hang(self) -> None:
        self._failure = partial(DeviceError, HANGS.format(self._step_seconds))
        self._hangs = True
        self._end()
