"""Reading what was asked: pictures, and prompts in chunks. What fails fails alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from inference.engine.jobs import Job
from inference.engine.layout import Chunk
from inference.engine.machine import Machine
from inference.engine.pictures import PICTURES_AT_ONCE
from inference.engine.prefill import MOST_GATHERED_TOKENS
from inference.errors import InferenceError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Reader:
    """Jobs whose prompts are being read, and the passes that do it.

    Args:
        end: called with a job that cannot be read, and why.
    """

    def __init__(self, machine: Machine, end: Callable[[Job, Exception], None]) -> None:
        self._machine = machine
        self._end = end
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        """Jobs that are being read."""
        return len(self._jobs)

    @property
    def unread_tokens(self) -> int:
        """Of all prompts that are being read."""
        return sum(len(job.sequence.token_ids) - job.sequence.computed for job in self._jobs)

    def add(self, job: Job) -> None:
        self._jobs.append(job)

    def drop(self, job: Job) -> None:
        """Ends the reading of a job, if it is being read."""
        if job in self._jobs:
            self._jobs.remove(job)

    def encode_pictures(self, most: int) -> None:
        """Encodes at most so many of the pictures that are waited for, the longest waited for first."""
        waiting = self._machine.memory.pictures.waiting
        while waiting and most > 0:
            # Looked up each time: with a request that fails its other pictures are not waited for any more.
            digests = list(waiting)[: min(most, PICTURES_AT_ONCE)]
            self._encode(digests)
            most -= len(digests)

    def _encode(self, digests: Sequence[bytes]) -> None:
        cache = self._machine.memory.pictures

        def encode(some: Sequence[bytes]) -> None:
            self._machine.encoder.encode(
                [cache.waiting[digest] for digest in some], [cache.slot(digest) for digest in some]
            )

        for digest, error in self._attempt(digests, encode):
            for job in [job for job in self._jobs if needs(job, {digest})]:
                self._end(job, error)
        for digest in digests:
            cache.waiting.pop(digest, None)

    def read_prompts(self, most_tokens: int) -> Iterator[tuple[list[Job], torch.Tensor]]:
        """Reads at most `most_tokens` tokens of the prompts whose pictures are there.

        Yields:
            Jobs whose prompts are read to the end now, and the logits after them, float32 (jobs,
            vocabulary).
        """
        passes: list[tuple[list[Job], torch.Tensor]] = []

        def read_some(some: Sequence[tuple[Job, Chunk]]) -> None:
            logits = self._machine.prefill.read([chunk for _, chunk in some])
            for job, chunk in some:
                job.sequence.computed = chunk.end
            passes.append(([job for job, chunk in some if chunk.wanted], logits))

        chosen = self._choose(most_tokens)
        for (job, _), error in self._attempt(chosen, read_some) if chosen else ():
            self._end(job, error)
        for jobs, logits in passes:
            for job in jobs:
                self._jobs.remove(job)
            if jobs:
                yield jobs, logits

    def _attempt(self, items: Sequence[T], work: Callable[[Sequence[T]], None]) -> list[tuple[T, Exception]]:
        """Does `work` for all items together, or if that fails for each alone; returns those that failed."""
        try:
            work(items)
        except Exception as error:
            if len(items) == 1:
                return [(items[0], error)]
            if not isinstance(error, InferenceError):
                self._machine.synchronize()  # raises if nothing can be computed any more
                log.exception("A pass for %d failed; each is tried by itself.", len(items))
        else:
            return []
        return [failure for item in items for failure in self._attempt([item], work)]

    def _choose(self, most_tokens: int) -> list[tuple[Job, Chunk]]:
        """The next chunks, of jobs in the order in which they came."""
        waiting = set(self._machine.memory.pictures.waiting)
        chosen: list[tuple[Job, Chunk]] = []
        longest = 0
        for job in self._jobs:
            if needs(job, waiting):
                continue
            chunk = job.next_chunk(most_tokens)
            longest = max(longest, chunk.end)
            if chosen and longest * (len(chosen) + 1) > MOST_GATHERED_TOKENS:
                break
            chosen.append((job, chunk))
            most_tokens -= len(chunk.token_ids)
            if most_tokens <= 0:
                break
        return chosen


def needs(job: Job, digests: set[bytes]) -> bool:
    """Whether what is yet to be read of the job sees one of these pictures."""
    sequence = job.sequence
    return any(sequence.pictures[view].digest in digests for view in sequence.slots)
