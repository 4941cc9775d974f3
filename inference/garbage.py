"""Python's garbage collection beside what stays: torch's and transformers' modules, a model, an engine.

A full collection looks at all of them, a quarter of a million, and no thread runs meanwhile, the event loop's
neither: 120 ms with the built-in model. So they are taken out of it while an engine runs.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_changing = RLock()
"""Engines have threads of their own; and what is collected may itself come here."""
_blocks = 0
"""How many blocks of `settled` are under way."""


@contextmanager
def settled() -> Iterator[None]:
    """Inside the block what was there before it is not looked at.

    Blocks may overlap, on any threads: all of it is looked at again when the last of them ends.
    """
    global _blocks
    with _changing:
        if _blocks:  # What an engine that was closed has left would otherwise stay as long as the others run.
            collect()
        _blocks += 1
        gc.freeze()
    try:
        yield
    finally:
        with _changing:
            _blocks -= 1
            if not _blocks:
                gc.unfreeze()


def collect() -> None:
    """Frees what nobody can reach, also of what has settled."""
    with _changing:
        gc.unfreeze()
        gc.collect()
        if _blocks:
            gc.freeze()


def let_go(error: BaseException | None) -> None:
    """Drops what an error's traceback holds: all that the functions it came through had at hand."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
