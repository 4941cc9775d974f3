"""The rows of a batch inside transformers' `generate`: each with its own options, text and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from transformers.generation.logits_process import LogitsProcessor
from transformers.generation.stopping_criteria import StoppingCriteria

from inference.answer import Answer, ends_in_stop_text
from inference.reference.sampling import draw, penalize
from inference.requests import GenerationRequest
from inference.sampling import seed_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Row:
    """A request in a batch, with its answer so far; it survives the batch's failure."""

    def __init__(
        self, request: GenerationRequest, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]
    ) -> None:
        self.request = request
        self.answer = Answer.to(request, tokenizer, end_ids)
        self.generator = torch.Generator().manual_seed(seed_of(request.options))

    @property
    def over(self) -> bool:
        return self.answer.finish_reason is not None or self.request.cancelled

    @property
    def room(self) -> int:
        """Tokens that may still be generated."""
        return self.request.max_new_tokens - len(self.answer.token_ids)

    def take(self, token_id: int) -> None:
        """Adds the next generated id, and tells the listener of new text and of the end."""
        if self.over:
            return
        answer = self.answer
        if piece := answer.add(token_id):
            self.request.listener.piece(piece)
        if answer.finish_reason is not None:
            self.request.listener.finish(answer.reply_to(self.request))


class Sample(LogitsProcessor):
    """Applies each row's penalty, and lets each that samples draw its own token with its own random numbers.

    `generate` goes on greedily: the drawn token is the only one left. With beams nothing is drawn.

    Args:
        width: tokens of each row at the beginning, padding included.
    """

    def __init__(self, rows: Sequence[Row], width: int) -> None:
        self._rows = rows
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        beams = len(scores) // len(self._rows)
        for number, ids in enumerate(input_ids):
            row = self._rows[number // beams]
            options = row.request.options
            if options.repetition_penalty != 1.0 and not row.over:
                prompt = row.request.prompt.token_ids
                generated = ids[self._width :].tolist()
                penalize(
                    scores[number], [*prompt, *row.answer.token_ids, *generated], options.repetition_penalty
                )
            if options.temperature > 0.0 and not row.over:
                token_id = draw(
                    scores[number], options.temperature, options.top_k, options.top_p, row.generator
                )
                scores[number] = -torch.inf
                scores[number, token_id] = 0.0
        return scores


class TakeTokens(StoppingCriteria):
    """Hands each row its newest token and stops the rows that are over."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        for row, token_id in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
            row.take(token_id)
        return torch.tensor([row.over for row in self._rows], device=input_ids.device)


class BeamsEnd(StoppingCriteria):
    """Ends beams at a stop text, and all beams of a request that was cancelled."""

    def __init__(self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, prompt_width: int) -> None:
        self._rows = rows
        self._tokenizer = tokenizer
        self._prompt_width = prompt_width

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        beams = len(input_ids) // len(self._rows)
        over = [self._is_over(self._rows[number // beams], ids) for number, ids in enumerate(input_ids)]
        return torch.tensor(over, device=input_ids.device)

    def _is_over(self, row: Row, ids: torch.Tensor) -> bool:
        if row.request.cancelled:
            return True
        generated = ids[self._prompt_width :].tolist()
        return ends_in_stop_text(self._tokenizer, generated, row.request.options.stop)
