"""Labels compared by what the model makes of each of them after the same prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from inference.engine.jobs import Job, NotANumber
from inference.engine.layout import Chunk
from inference.engine.machine import Machine
from inference.engine.pages import PAGE_SIZE, pages_for
from inference.engine.prefill import MOST_GATHERED_TOKENS
from inference.ranking import ranked
from inference.requests import RankRequest

LABELS_AT_ONCE = 16


class Ranking(Job):
    """Labels compared: each is a short continuation of the same prompt."""

    request: RankRequest

    def __init__(self, request: RankRequest) -> None:
        super().__init__(request)
        self._found: dict[str, float] = {}
        self._left: list[str] = []

    def begin(self, logits: torch.Tensor) -> None:
        """Takes the logits after the prompt, float32 (vocabulary)."""
        first = logits.log_softmax(dim=-1).tolist()
        self._found = {label: first[ids[0]] for label, ids in self.request.labels.items()}
        self._left = [label for label, ids in self.request.labels.items() if len(ids) > 1]

    @property
    def is_scored(self) -> bool:
        return not self._left

    @property
    def is_poisoned(self) -> bool:
        return any(value != value for value in self._found.values())

    def next_labels(self, most: int) -> tuple[list[str], list[Chunk], list[tuple[int, int]]]:
        """Labels to be read next, at most `most`: each but its last token, with the pages to copy before."""
        sequence = self.sequence
        length = len(sequence.token_ids)
        full, begun = divmod(length, PAGE_SIZE)
        each = self._pages_of_label()
        labels = self._left[: min(max(1, most), LABELS_AT_ONCE)]
        chunks, copies = [], []
        for number, label in enumerate(labels):
            ids = self.request.labels[label][:-1]
            own = sequence.spare[number * each : (number + 1) * each]
            if begun:
                copies.append((sequence.pages[full], own[0]))
            slots = [sequence.slot_at(length)] * len(ids)
            chunks.append(Chunk(ids, length, [*sequence.pages[:full], *own], slots, wanted=len(ids)))
        return labels, chunks, copies

    def score(self, labels: Sequence[str], logits: torch.Tensor) -> None:
        """Takes the logits after each of the labels' tokens but the last, float32 (tokens, vocabulary)."""
        ids = [token_id for label in labels for token_id in self.request.labels[label][1:]]
        index = torch.tensor(ids, device=logits.device)[:, None]
        scores = logits.log_softmax(dim=-1).gather(1, index)[:, 0].tolist()
        for label in labels:
            count = len(self.request.labels[label]) - 1
            self._found[label] += sum(scores[:count])
            scores = scores[count:]
        self._left = self._left[len(labels) :]

    def finish(self) -> None:
        """Tells the listener."""
        self.over = True
        self.request.listener.finish(ranked(self.request.labels, self._found))

    def _pages_of_label(self) -> int:
        length = len(self.token_ids)
        longest = max(map(len, self.request.labels.values())) - 1
        return pages_for(length + longest) - length // PAGE_SIZE

    def _spare_pages(self) -> int:
        return min(LABELS_AT_ONCE, len(self.request.labels)) * self._pages_of_label()


class Rankings:
    """Jobs whose prompts were read and whose labels are being read, in the order in which they came.

    Args:
        end: called with a job that is over, or that failed with the error given.
    """

    def __init__(self, machine: Machine, end: Callable[[Job, Exception | None], None]) -> None:
        self._machine = machine
        self._end = end
        self._jobs: list[Ranking] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def join(self, job: Ranking, logits: torch.Tensor) -> None:
        """Takes in a job whose prompt was read; `logits` (vocabulary) follow the prompt."""
        job.begin(logits)
        self._jobs.append(job)

    def leave(self, job: Job) -> None:
        """Ends the reading of a job's labels, if they are being read."""
        self._jobs = [other for other in self._jobs if other is not job]

    def step(self, passes: int) -> bool:
        """Reads some labels in at most so many passes; returns whether any job came to its end."""
        ended = False
        for job in tuple(self._jobs):
            if not job.is_scored and passes > 0:
                passes -= 1
                try:
                    self._read_some(job)
                except Exception as error:
                    self._end(job, error)
                    continue
            if not job.is_scored:
                continue
            ended = True
            if job.is_poisoned:
                self._end(job, NotANumber())
            else:
                job.finish()
                self._end(job, None)
        return ended

    def _read_some(self, job: Ranking) -> None:
        labels, chunks, copies = job.next_labels(MOST_GATHERED_TOKENS // len(job.token_ids))
        self._machine.memory.copy_pages(copies)
        job.score(labels, self._machine.prefill.read(chunks))
