"""How far loading has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """`done_bytes` of `total_bytes` of one stage are through; 0 of 0 where a stage has no size.

    What is recorded for a GPU is counted by the piece.
    """

    stage: str
    done_bytes: int
    total_bytes: int


LOADING_WEIGHTS = "loading weights"

ReportProgress = Callable[[Progress], None]

_hook_in_use = Lock()


@contextmanager
def weight_progress(sizes: Mapping[str, int], report: ReportProgress) -> Iterator[None]:
    """Reports the bytes of each weight that transformers loads inside the block.

    transformers shows its own bar while it loads, and offers one hook in the process to replace it: two
    loads at a time therefore take turns.

    Args:
        sizes: bytes by the weights' names.
        report: called on the loading thread; what it raises ends the loading.
    """
    from transformers.utils import logging

    total = sum(sizes.values())

    def replaced(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("desc") != "Loading weights":
            return factory(*args, **kwargs)
        return counted(args[0])

    def counted(weights: Any) -> Iterator[Any]:
        done = 0
        for name, mapping in weights:
            yield name, mapping
            done += sizes.get(name, 0)
            report(Progress(LOADING_WEIGHTS, done, total))

    with _hook_in_use:
        report(Progress(LOADING_WEIGHTS, 0, total))
        previous = logging.set_tqdm_hook(replaced)
        try:
            yield
        finally:
            logging.set_tqdm_hook(previous)
        report(Progress(LOADING_WEIGHTS, total, total))
