"""Requests that wait together, answered by one call of `generate`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, cast
from unittest.mock import patch

import torch
from transformers.generation.configuration_utils import GenerationConfig
from transformers.generation.logits_process import LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteriaList

from inference.errors import EngineError, InferenceError
from inference.line import Line
from inference.ranking import ranked
from inference.reference.batch import PAD_ID, Batch, VisionEncoder
from inference.reference.rows import BeamsEnd, Row, Sample, TakeTokens
from inference.requests import GenerationRequest, Listener, RankRequest, Request
from inference.surface import Reply
from inference.tokenizer import SpecialTokens
from inference.worker import FAILED

if TYPE_CHECKING:
    from inference.loading import LoadedCheckpoint

log = logging.getLogger(__name__)

# What one batch may hold: 32,768 tokens are 16 GiB of keys and values for 9B in bf16.
MAX_ROWS = 32
MAX_TOKENS = 32_768
# What one pass of ranking may hold, unless a single label with its prompt is longer. A request that was
# cancelled meanwhile ends with the pass, so passes are short.
MAX_RANKED_TOKENS = 4_096


class ReferenceRunner:
    """Runs requests that wait together as one left-padded batch, to its end.

    Requests without beams share a batch whatever their other options. With beams they need the same
    number of beams and of new tokens, since `generate` has one of each.

    It implements `inference.worker.Driver`: a step is a whole batch.
    """

    def __init__(self, checkpoint: LoadedCheckpoint, line: Line) -> None:
        self._line = line
        self._model = checkpoint.model
        self._tokenizer = checkpoint.tokenizer
        self._vision = VisionEncoder(checkpoint.model)
        special = SpecialTokens.of(checkpoint.tokenizer)
        self._forbidden = special.forbidden
        self._end_ids = special.end_ids(checkpoint.model.config.eos_token_id)
        self.running: list[Request] = []

    def has_work(self) -> bool:
        return bool(self._line.waiting())

    def forget(self) -> None:
        """Nothing is kept from one batch to the next."""

    def step(self) -> None:
        """Runs the first in line and all that can share its batch, to their end."""
        self.running = self._choose()
        rows: list[Row] = []
        for request in self.running:
            if isinstance(request, RankRequest):
                self._rank(request)
            else:
                rows.append(Row(request, self._tokenizer, self._end_ids))
        if rows:
            self._answer(rows)
        self.running = [request for request in self.running if request.cancelled]

    def _choose(self) -> list[Request]:
        waiting = self._line.waiting()
        if not waiting:
            return []
        chosen = waiting[:1]
        if isinstance(chosen[0], GenerationRequest):
            together = [chosen[0]]
            for request in waiting[1:]:
                if isinstance(request, GenerationRequest) and _fit_together([*together, request]):
                    together.append(request)
            chosen = list[Request](together)
        for request in chosen:
            self._line.take(request)
        return chosen

    def _answer(self, rows: Sequence[Row]) -> None:
        """Answers the rows; if that fails, each by itself, so that only the one to blame fails."""
        try:
            self._generate(rows)
        except Exception as error:
            if len(rows) == 1:
                _fail(rows[0].request.listener, error)
                return
            if not isinstance(error, InferenceError):
                log.exception("A batch of %d requests failed; each is tried by itself.", len(rows))
        for row in rows:
            if not row.over:
                self._answer([row])

    def _generate(self, rows: Sequence[Row]) -> None:
        """Runs the rows, each from where its answer stands, until all are over."""
        num_beams = rows[0].request.options.num_beams
        batch = Batch.of([row.request.prompt for row in rows], [row.answer.token_ids for row in rows])
        pictures = self._vision.encode([row.request.pictures.result() for row in rows])
        criterion = BeamsEnd(rows, self._tokenizer, batch.width) if num_beams > 1 else TakeTokens(rows)
        with self._whole_vocabulary() if num_beams > 1 else nullcontext():
            ids = self._model.generate(
                **batch.inputs(self._model.device),
                image_hidden_states=pictures,
                generation_config=GenerationConfig(
                    max_new_tokens=max(row.room for row in rows),
                    do_sample=False,
                    num_beams=num_beams,
                    bad_words_ids=[[token_id] for token_id in self._forbidden],
                    eos_token_id=sorted(self._end_ids),
                    pad_token_id=PAD_ID,
                ),
                logits_processor=LogitsProcessorList([Sample(rows, batch.width)]),
                stopping_criteria=StoppingCriteriaList([criterion]),
            )
        if num_beams > 1:
            for row, sequence in zip(rows, cast("list[list[int]]", ids.tolist()), strict=True):
                for token_id in sequence[batch.width :]:
                    row.take(token_id)

    def _whole_vocabulary(self) -> AbstractContextManager[object]:
        """Counts the added tokens as part of the vocabulary while it is entered.

        Beams need it in transformers 5.17, which takes the width of their scores from the configuration;
        later releases look at the scores.
        """
        config = self._model.config
        return patch.object(config, "vocab_size", config.vocab_size + config.additional_vocab_size)

    def _rank(self, request: RankRequest) -> None:
        try:
            begins = self._log_probabilities(request)
        except Exception as error:
            _fail(request.listener, error)
            return
        if not request.cancelled:
            request.listener.finish(ranked(request.labels, begins))

    @torch.no_grad()
    def _log_probabilities(self, request: RankRequest) -> dict[str, float]:
        """For each label the natural log-probability that an answer begins with it.

        Unlike in generation no token is forbidden: this is the model's own distribution.
        """
        pictures = self._vision.encode([request.pictures.result()])
        argument = "perceiver_embeddings" if self._model.config.use_resampler else "image_encoder_embeddings"
        found: dict[str, float] = {}
        for some in _passes(request):
            if request.cancelled:
                break
            batch = Batch.of([request.prompt] * len(some), [ids[:-1] for _, ids in some])
            logits = self._model(
                **batch.inputs(self._model.device),
                **{argument: pictures.expand(len(some), -1, -1, -1)},
                logits_to_keep=max(len(ids) for _, ids in some),
                use_cache=False,
            ).logits
            for row, (label, ids) in enumerate(some):
                scores = logits[row, -len(ids) :].float().log_softmax(dim=-1)
                chosen = scores.gather(1, torch.tensor(ids, device=scores.device)[:, None])
                found[label] = float(chosen.sum())
        return found


def _passes(request: RankRequest) -> Iterator[list[tuple[str, tuple[int, ...]]]]:
    """The labels with their ids in groups that are computed together, those of like length in one."""
    group: list[tuple[str, tuple[int, ...]]] = []
    for label, ids in sorted(request.labels.items(), key=lambda item: len(item[1])):
        width = len(request.prompt.token_ids) + len(ids) - 1
        if group and (len(group) == MAX_ROWS or (len(group) + 1) * width > MAX_RANKED_TOKENS):
            yield group
            group = []
        group.append((label, ids))
    yield group


def _fit_together(requests: Sequence[GenerationRequest]) -> bool:
    beams = requests[0].options.num_beams
    longest = max(len(request.prompt.token_ids) + request.max_new_tokens for request in requests)
    rows = len(requests) * beams
    return (
        all(request.options.num_beams == beams for request in requests)
        and (beams == 1 or len({request.max_new_tokens for request in requests}) == 1)
        and rows <= MAX_ROWS
        and rows * longest <= MAX_TOKENS
    )


def _fail(listener: Listener[Reply] | Listener[list[tuple[str, float]]], error: Exception) -> None:
    if isinstance(error, InferenceError):
        listener.fail(error)
        return
    log.error("A request failed.", exc_info=error)
    listener.fail(EngineError(FAILED))
