"""The one thread that owns the device, and the requests that wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Protocol

from inference.errors import EngineError
from inference.requests import FutureListener, Request

log = logging.getLogger(__name__)

CLOSED = "The engine was closed before the answer was finished."
FAILED = "The engine failed on this request; the log says why."


class Runner(Protocol):
    """What does the device's work. It is made, used and left behind on the worker's thread."""

    def choose(self, waiting: deque[Request]) -> list[Request]:
        """Takes the requests to run next out of `waiting`, which is not empty: at least the first."""
        ...

    def run(self, requests: list[Request]) -> None:
        """Runs them and tells their listeners; one that is cancelled meanwhile is given up."""
        ...


class Worker:
    """Runs requests one group at a time on its own thread, until it is closed."""

    def __init__(self) -> None:
        self._waiting: deque[Request] = deque()
        self._running: list[Request] = []
        self._changed = Condition()
        self._closed = False
        self._on_end: list[Callable[[None], None]] = []
        self._ended = False
        self._thread: Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called; work on the thread ends as soon as it can."""
        return self._closed

    def start(self, make_runner: Callable[[], Runner], failed: Callable[[Exception], None]) -> None:
        """Starts the thread, which makes the runner and serves; an error in making it goes to `failed`."""
        # As a daemon: a program that ends without closing its engine must not hang.
        self._thread = Thread(target=self._main, args=(make_runner, failed), name="inference", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Puts a request in line.

        Raises:
            EngineError: the worker was closed.
        """
        with self._changed:
            if self._closed:
                raise EngineError("The engine is closed.")
            self._waiting.append(request)
            self._changed.notify()

    def close(self) -> None:
        """Gives up what runs and fails what waits; returns at once. May be called again."""
        with self._changed:
            self._closed = True
            for request in self._running:
                request.cancelled = True
            self._changed.notify()

    async def ended(self) -> None:
        """Returns once the thread has left the device, after `close`."""
        listener: FutureListener[None] = FutureListener()
        with self._changed:
            if not self._ended:
                self._on_end.append(listener.finish)
            else:
                listener.finish(None)
        await asyncio.shield(listener.result)
        if self._thread is not None:
            # It only returns now. A process that exits before it has would destroy torch under it.
            self._thread.join()

    def _main(self, make_runner: Callable[[], Runner], failed: Callable[[Exception], None]) -> None:
        try:
            try:
                runner = make_runner()
            except Exception as error:
                self._closed = True
                failed(error)
            else:
                self._serve(runner)
        finally:
            with self._changed:
                self._closed = True
                left, self._waiting = self._waiting, deque()
                self._ended = True
            for request in (*self._running, *left):
                request.listener.fail(EngineError(CLOSED))
            for tell in self._on_end:
                tell(None)

    def _serve(self, runner: Runner) -> None:
        while True:
            with self._changed:
                self._running = []
                self._changed.wait_for(self._has_news)
                if self._closed:
                    return
                self._running = runner.choose(self._waiting)
            try:
                runner.run(self._running)
            except Exception:
                log.exception("A group of %d requests failed.", len(self._running))
                for request in self._running:
                    request.listener.fail(EngineError(FAILED))
            if self._closed:
                return

    def _has_news(self) -> bool:
        self._waiting = deque(request for request in self._waiting if not request.cancelled)
        return bool(self._waiting) or self._closed
