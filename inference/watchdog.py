"""A thread that notices when a step of another one does not come to an end."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread, get_ident
from time import monotonic

log = logging.getLogger(__name__)


class Watchdog:
    """Watches the steps of the thread that makes it, until it is stopped or one takes too long.

    Args:
        limit: seconds that a step may take.
        hangs: called on the watchdog's thread when one takes longer.
    """

    def __init__(self, limit: float, hangs: Callable[[], None]) -> None:
        self._limit = limit
        self._hangs = hangs
        self._watched = get_ident()
        self._began: float | None = None
        self._stopped = Event()
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def step(self) -> Iterator[None]:
        """What happens inside is a step."""
        self._began = monotonic()
        try:
            yield
        finally:
            self._began = None

    def stop(self) -> None:
        """There are no more steps."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit / 8):
            began = self._began
            if began is not None and monotonic() - began > self._limit:
                frame = sys._current_frames().get(self._watched)
                where = "".join(traceback.format_stack(frame)) if frame is not None else "nowhere"
                log.critical("A step takes longer than %.0f s. It is at:\n%s", self._limit, where)
                self._hangs()
                return
