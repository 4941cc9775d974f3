"""Requests that wait for the device: a bounded line in which every asker gets a turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from itertools import count
from threading import Lock

from inference.errors import QueueFullError
from inference.requests import Request


class Line:
    """Serves askers in turn, each asker's own requests in their order; safe to use from any thread.

    Those that were cancelled leave it by themselves.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._queues: OrderedDict[Hashable, deque[Request]] = OrderedDict()
        """By asker; the one whose turn it is comes first."""
        self._lock = Lock()

    def put(self, request: Request) -> None:
        """Adds a request at the end of its asker's queue.

        Raises:
            QueueFullError: as many wait already as may.
        """
        with self._lock:
            self._drop_cancelled()
            if sum(map(len, self._queues.values())) >= self._most_waiting:
                raise QueueFullError(
                    "{number} requests are waiting already: ask again in a moment.", number=self._most_waiting
                )
            self._queues.setdefault(request.queue_key, deque()).append(request)

    def waiting(self) -> list[Request]:
        """All that wait, in the order in which they would be served now."""
        with self._lock:
            self._drop_cancelled()
            return list(self._in_order())

    def take(self, request: Request) -> None:
        """Removes a request from the line to be served; its asker's next turn comes after all others'."""
        with self._lock:
            queue = self._queues.get(request.queue_key, deque())
            if request in queue:
                queue.remove(request)
                self._queues.move_to_end(request.queue_key)
                self._drop_cancelled()

    def place(self, request: Request) -> int | None:
        """How many requests come before this one; None if it does not wait."""
        with self._lock:
            self._drop_cancelled()
            found = (place for place, other in enumerate(self._in_order()) if other is request)
            return next(found, None)

    def clear(self) -> list[Request]:
        """Empties the line; returns what was in it."""
        with self._lock:
            left = list(self._in_order())
            self._queues.clear()
            return left

    def _in_order(self) -> Iterator[Request]:
        for turn in count():
            served = [queue[turn] for queue in self._queues.values() if turn < len(queue)]
            if not served:
                return
            yield from served

    def _drop_cancelled(self) -> None:
        for key, queue in list(self._queues.items()):
            if any(request.cancelled for request in queue):
                queue = self._queues[key] = deque(request for request in queue if not request.cancelled)
            if not queue:
                del self._queues[key]
