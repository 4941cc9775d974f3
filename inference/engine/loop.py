"""The engine's step: take in who waits, encode pictures, read prompts, one token for everyone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from inference import garbage
from inference.engine.decoding import Decoding
from inference.engine.jobs import BeamGeneration, Generation, Job, NotANumber
from inference.engine.machine import Machine
from inference.engine.ranking import Ranking, Rankings
from inference.engine.reading import Reader
from inference.errors import EngineError, InferenceError, PromptError
from inference.line import Line
from inference.requests import RankRequest, Request
from inference.settings import EngineSettings
from inference.worker import FAILED, DeviceLostError, DriverLostError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

OUT_OF_MEMORY = "The device has not enough memory for this request: shorten it or leave out pictures."
NOT_A_NUMBER = "The model's values overflowed on this request: change the picture or the text."
BUSY_PICTURES, IDLE_PICTURES = 16, 32
"""Pictures that are encoded between two steps, and while nobody is being answered."""
ROWS_FOR_A_PROMPT = 4
"""With so many rows in use for each prompt that waits, or fewer, prompts are read at once."""
TOO_MANY_BEAMS = "This engine answers with {} beams at most: ask for fewer."


class ContinuousEngine:
    """Drives the device step by step; it implements `inference.worker.Driver`.

    A request that cannot be read fails alone. When a step of the running batch fails, memory and rows are
    made anew and everything that runs is computed again, from where it stands; if the device then does not
    get as far as the next token, those that ran fail.
    """

    def __init__(
        self,
        line: Line,
        make_machine: Callable[[], Machine],
        tokenizer: PreTrainedTokenizerBase,
        end_ids: frozenset[int],
        settings: EngineSettings,
    ) -> None:
        self._line = line
        self._make_machine = make_machine
        self._tokenizer = tokenizer
        self._end_ids = end_ids
        self._settings = settings
        self._jobs: list[Job] = []
        """All that have memory, in the order in which they came."""
        self._returning: list[Job] = []
        """Those that ran when the device failed and have no memory yet; they go first."""
        self._failed_before = False
        """Whether no step of the batch succeeded and no labels were compared since the device failed."""
        self._begin()

    def _begin(self) -> None:
        self.machine = self._make_machine()
        self._reader = Reader(self.machine, self._end)
        self._rankings = Rankings(self.machine, end=self._end)
        self._decoding = Decoding(self.machine, end=self._end)
        self._steps_since_reading = 0

    @property
    def running(self) -> Sequence[Request]:
        return [job.request for job in (*self._returning, *self._jobs) if not job.over]

    def has_work(self) -> bool:
        return bool(
            self._returning
            or self._jobs
            or not self._decoding.is_idle
            or any(request.ready for request in self._line.waiting())
        )

    @torch.inference_mode()
    def forget(self) -> None:
        self.machine.memory.forget()
        self.machine.wipe(self._decoding.rows)

    @torch.inference_mode()
    def step(self) -> None:
        try:
            self._drop_cancelled()
            self._admit()
            if self._shall_read():
                self._read()
            # While others are answered, labels are read in one pass, for who came first.
            ranked = self._rankings.step(passes=1 if self._decoding.rows else len(self._rankings))
            if self._decoding.step() or ranked:
                self._failed_before = False
        except Exception as error:
            self._recover(error)

    def _shall_read(self) -> bool:
        """Whether prompts are read now or the answers that are being generated go on first.

        A pass takes about as long for three short prompts as for one: while others are answered, prompts
        gather for some steps, unless there are many already, or enough to fill a pass.
        """
        waiting, rows = len(self._reader), self._decoding.rows
        if not waiting:
            return False
        self._steps_since_reading += 1
        enough = (
            rows <= ROWS_FOR_A_PROMPT * waiting or self._reader.unread_tokens >= self.machine.chunk_tokens
        )
        return enough or self._steps_since_reading > self.machine.steps_between_passes

    def _read(self) -> None:
        self._steps_since_reading = 0
        busy = self._decoding.rows > 0
        self._reader.encode_pictures(BUSY_PICTURES if busy else IDLE_PICTURES)
        chunk = self.machine.chunk_tokens if busy else self.machine.idle_chunk_tokens
        for jobs, logits in self._reader.read_prompts(chunk):
            self._begin_answers(jobs, logits)

    def _drop_cancelled(self) -> None:
        self._returning = [job for job in self._returning if not job.request.cancelled]
        for job in [job for job in self._jobs if job.request.cancelled]:
            self._release(job)

    def _admit(self) -> None:
        """Takes in who waits, in turn, as long as there is room; nobody overtakes one that has to wait."""
        while self._returning:
            if not self._take_in(self._returning[0]):
                return
            self._returning.pop(0)
        for request in self._line.waiting():
            if request.ready:
                if not self._take_in(self._job(request)):
                    return
                self._line.take(request)

    def _take_in(self, job: Job) -> bool:
        """Gives `job` memory and has its prompt read; False if there is no room now.

        One for which there can never be room fails, and is not in the way of others.
        """
        most_rows = self._settings.most_rows
        try:
            if job.num_rows > most_rows:
                raise PromptError(TOO_MANY_BEAMS.format(most_rows))
            if job.num_rows + sum(other.num_rows for other in self._jobs) > most_rows:
                return False
            if not job.admit(self.machine.memory):
                return False
        except Exception as error:
            self._end(job, error)
            return True
        self._jobs.append(job)
        self._reader.add(job)
        return True

    def _job(self, request: Request) -> Job:
        if isinstance(request, RankRequest):
            return Ranking(request)
        if request.options.num_beams > 1:
            return BeamGeneration(request, self._tokenizer, self._end_ids)
        return Generation(request, self._tokenizer, self._end_ids)

    def _begin_answers(self, jobs: Sequence[Job], logits: torch.Tensor) -> None:
        """Prompts were read; `logits` (jobs, vocabulary) come after them."""
        singles: dict[int, Generation] = {}
        for number, job in enumerate(jobs):
            job.remember(self.machine.memory)
            if isinstance(job, Ranking):
                self._rankings.join(job, logits[number])
            elif isinstance(job, BeamGeneration):
                self._decoding.join_beams(job, logits[number])
            elif isinstance(job, Generation):
                singles[number] = job
        if singles:
            all_of_them = len(singles) == len(jobs)
            self._decoding.join([*singles.values()], logits if all_of_them else logits[[*singles]])

    def _end(self, job: Job, error: Exception | None) -> None:
        """Ends a job that is over, or that could not be computed while the device works."""
        if error is None and isinstance(job, Generation):
            job.remember(self.machine.memory)
        if error is not None:
            if not isinstance(error, InferenceError | NotANumber):
                self.machine.synchronize()  # raises if nothing can be computed any more
            self._tell(job, error)
        self._release(job, poisoned=isinstance(error, NotANumber))

    def _tell(self, job: Job, error: Exception) -> None:
        """Fails a request with a sentence for whoever asked, and the whole story for the log."""
        job.over = True
        if isinstance(error, InferenceError):
            job.request.listener.fail(error)
            return
        log.error("A request failed.", exc_info=error)
        told = {NotANumber: NOT_A_NUMBER, torch.OutOfMemoryError: OUT_OF_MEMORY}.get(type(error), FAILED)
        job.request.listener.fail(EngineError(told))

    def _release(self, job: Job, *, poisoned: bool = False) -> None:
        """Frees all that a job has."""
        job.over = True
        self._decoding.leave(job)
        self._reader.drop(job)
        self._rankings.leave(job)
        job.release(self.machine.memory, poisoned=poisoned)
        if job in self._jobs:
            self._jobs.remove(job)
        if job.request.is_forgotten:
            self.machine.wipe(self._decoding.rows)

    def _recover(self, error: Exception) -> None:
        """Makes everything on the device anew and has what ran computed again."""
        try:
            self.machine.synchronize()
        except Exception as failure:
            raise DeviceLostError from failure
        jobs = [job for job in (*self._jobs, *self._returning) if not job.over]
        if self._failed_before:
            for job in jobs:
                self._tell(job, error)
            jobs = []
        log.error(
            "The device failed; it is restarted, and %d requests are computed again.",
            len(jobs),
            exc_info=error,
        )
        self._failed_before = True
        for job in jobs:
            job.abandon()
        self._returning, self._jobs = jobs, []
        try:
            # The old machine goes before the new one takes its memory. The error knows it too.
            del self.machine, self._reader, self._rankings, self._decoding
            garbage.let_go(error)
            garbage.collect()
            torch.cuda.empty_cache()  # without effect if there is no GPU
            self._begin()
        except (torch.OutOfMemoryError, InferenceError) as failure:
            # Others have the memory, or it is being closed.
            raise DriverLostError from failure
        except Exception as failure:
            raise DeviceLostError from failure
        log.warning("The device works again.")
