"""Threads that compute parts of a pass side by side, where torch itself uses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

T = TypeVar("T")


class Crew:
    """The calling thread and `size` - 1 others.

    An operation of a small model is over before torch has shared it out, and where other programs use the
    cores its threads wait for each other at the end of each. Pictures and prompts have nothing to do with
    each other: here they are shared out, and waited for once.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._others = ThreadPoolExecutor(size - 1, thread_name_prefix="crew") if size > 1 else None

    def run(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """What the works return; if some fail, the error of the first of them once all are over."""
        if self._others is None or len(works) < 2:
            return [work() for work in works]
        others = [self._others.submit(torch.inference_mode()(work)) for work in works[1:]]
        try:
            first = works[0]()
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]


def shares(sizes: Sequence[int], most: int) -> list[slice]:
    """Things of these sizes as at most `most` slices of about the same size, none of them empty."""
    cuts = [0]
    total, before = sum(sizes), 0
    for place, size in enumerate(sizes):
        # A thing belongs to the share in which its middle lies.
        share = int((before + size / 2) * most / total) if total else 0
        if place and share > len(cuts) - 1:
            cuts.append(place)
        before += size
    return [slice(start, end) for start, end in zip(cuts, [*cuts[1:], len(sizes)], strict=True)]
