"""Work on the device recorded once and replayed: without it the processor sets the speed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import torch

K = TypeVar("K", bound=Hashable)

WARM_UP_RUNS = 2
"""Libraries choose and load their kernels in the first runs, which cannot be recorded."""


class CudaGraphs(Generic[K]):
    """Runs `work(key)`, or replays what was captured for that key; it reads and writes fixed tensors."""

    def __init__(self, work: Callable[[K], None]) -> None:
        self._work = work
        self._graphs: dict[K, torch.cuda.CUDAGraph] = {}
        self._pool: Any = None

    @torch.no_grad()
    def capture(self, key: K) -> None:
        """Records the work for `key`."""
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                self._work(key)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile, for example to pin memory.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            self._work(key)
        self._pool = graph.pool()
        self._graphs[key] = graph

    def __call__(self, key: K) -> None:
        graph = self._graphs.get(key)
        if graph is None:
            self._work(key)
        else:
            graph.replay()
