"""Python's garbage collection beside what stays: torch's and transformers' modules, a model, an engine.

A full collection looks at all of them, a quarter of a million, and no thread runs meanwhile, the event loop's
neither: 120 ms with the built-in model. So they are taken out of it while an engine runs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled() -> Iterator[None]:
    """Inside the block what was there before it is not looked at."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def collect() -> None:
    """Frees what nobody can reach, also of what has settled."""
    some_settled = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect()
    if some_settled:
        gc.freeze()
