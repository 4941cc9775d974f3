"""The running batch: who sits in which row, the next step, and what came of the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from inference.engine.beams import best_continuations
from inference.engine.jobs import BeamGeneration, Generation, Job, NotANumber
from inference.engine.machine import Machine
from inference.engine.sampling import is_greedy


@dataclass(eq=False, slots=True)
class _Seat:
    """A row that is in use."""

    job: Generation | BeamGeneration
    beam: int = 0


@dataclass(frozen=True, slots=True)
class _Pending:
    """Tokens that were chosen, on their way from the device."""

    jobs: list[Generation | None]
    """For each token whose it is; None for a beam's row, which is read otherwise."""
    token_ids: torch.Tensor
    arrived: torch.cuda.Event | None


class Decoding:
    """Takes steps of the running batch; rows in use are always the first ones.

    On a GPU the next step is started before the outcome of the last is known. An answer that turns out to
    be over has then computed one token too many, which nobody sees.

    Args:
        end: called with a job that is over, or that failed with the error given.
    """

    def __init__(self, machine: Machine, end: Callable[[Job, Exception | None], None]) -> None:
        self._machine = machine
        self._end = end
        self._seats: list[_Seat] = []
        self._pending: deque[_Pending] = deque()

    @property
    def rows(self) -> int:
        """Rows in use."""
        return len(self._seats)

    @property
    def is_idle(self) -> bool:
        return not self._seats and not self._pending

    def join_beams(self, job: BeamGeneration, logits: torch.Tensor) -> None:
        """Takes in a job whose prompt was read; `logits` (vocabulary) follow the prompt."""
        job.begin()
        self._seats += [_Seat(job, beam) for beam in range(job.num_rows)]
        self._advance_beams(job, logits.expand(job.num_rows, -1))

    def join(self, jobs: list[Generation], logits: torch.Tensor) -> None:
        """Takes in jobs whose prompts were read; `logits` (jobs, vocabulary) follow the prompts."""
        rows = [len(self._seats) + offset for offset in range(len(jobs))]
        self._seats += map(_Seat, jobs)
        self._machine.rows.place([job.placement(row) for row, job in zip(rows, jobs, strict=True)])
        for job in jobs:
            job.asked += 1
        greedy = all(is_greedy(job.request.options) for job in jobs)
        self._expect([*jobs], self._machine.rows.begin(rows, logits, greedy))
        self._leave_when_asked_for_all()

    def step(self) -> bool:
        """Starts a step for all rows, then deals with the outcome of those before it.

        Returns:
            Whether any token came of it.
        """
        started = bool(self._seats)
        # Who leaves moves others to other rows: whose logits are where is noted before.
        searches: dict[BeamGeneration, dict[int, int]] = {}
        for row, seat in enumerate(self._seats):
            if isinstance(seat.job, BeamGeneration):
                searches.setdefault(seat.job, {})[seat.beam] = row
        if started:
            self._machine.step(len(self._seats), greedy=all(map(_is_greedy, self._seats)))
            jobs = [seat.job if isinstance(seat.job, Generation) else None for seat in self._seats]
            self._expect(jobs, self._machine.rows.chosen[: len(jobs)])
            for single in jobs:
                if single is not None:
                    single.asked += 1
            self._leave_when_asked_for_all()
        for job, row_of in searches.items():
            rows = [row_of[beam] for beam in range(job.num_rows)]
            self._advance_beams(job, self._machine.rows.logits[rows])
        keep = 1 if started and self._machine.runs_ahead and not searches else 0
        outcomes = max(0, len(self._pending) - keep)
        for _ in range(outcomes):
            self._collect(self._pending.popleft())
        return outcomes > 0 or bool(searches)

    def leave(self, job: Job) -> None:
        """Frees a job's rows."""
        for row in reversed(range(len(self._seats))):
            if self._seats[row].job is job:
                last = len(self._seats) - 1
                if row == last:
                    self._machine.rows.clear(row)
                else:
                    self._machine.rows.move(last, row)
                    self._seats[row] = self._seats[last]
                self._seats.pop()

    def _expect(self, jobs: list[Generation | None], chosen: torch.Tensor) -> None:
        if not chosen.is_cuda:
            self._pending.append(_Pending(jobs, chosen.clone(), None))
            return
        token_ids = torch.empty(len(chosen), dtype=chosen.dtype, pin_memory=True)
        token_ids.copy_(chosen, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        self._pending.append(_Pending(jobs, token_ids, arrived))

    def _collect(self, pending: _Pending) -> None:
        if pending.arrived is not None:
            pending.arrived.synchronize()
        for job, token_id in zip(pending.jobs, pending.token_ids.tolist(), strict=True):
            if job is None or job.over or job.request.cancelled:
                continue
            if token_id < 0:
                self._end(job, NotANumber())
                continue
            job.take(token_id)
            if job.over:
                self._end(job, None)

    def _leave_when_asked_for_all(self) -> None:
        for job in [seat.job for seat in self._seats]:
            if isinstance(job, Generation) and job.asked >= job.request.max_new_tokens:
                self.leave(job)

    def _advance_beams(self, job: BeamGeneration, logits: torch.Tensor) -> None:
        machine, search = self._machine, job.search
        penalty = job.request.options.repetition_penalty
        scores, beams, token_ids = best_continuations(
            logits,
            machine.forbidden,
            search.scores,
            search.candidates,
            penalty=penalty,
            sequences=[job.sequence.token_ids + ids for ids in search.running] if penalty != 1.0 else (),
        )
        if bool(scores.isnan().any()):
            self._end(job, NotANumber())
            return
        parents = search.advance(scores, beams, token_ids)
        if parents is None:
            job.finish()
            self._end(job, None)
            return
        machine.memory.copy_pages(job.pages.continue_from(parents))
        machine.rows.place(
            [job.placement(row, seat.beam) for row, seat in enumerate(self._seats) if seat.job is job]
        )


def _is_greedy(seat: _Seat) -> bool:
    return isinstance(seat.job, BeamGeneration) or is_greedy(seat.job.request.options)
