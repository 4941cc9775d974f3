"""Requests that are being worked on: what each keeps beside its memory, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from inference.answer import Answer, ends_in_stop_text
from inference.engine.beams import BeamPages, BeamSearch
from inference.engine.context import ContextMemory, TokenSequence
from inference.engine.pages import PAGE_SIZE, pages_for
from inference.engine.prefill import Chunk
from inference.ranking import exclusive
from inference.requests import GenerationRequest, RankRequest, Request
from inference.sampling import seed_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LABELS_AT_ONCE = 16


class Job:
    """A request with memory of its own; its prompt is read first, in chunks."""

    num_rows = 0
    """Rows of the batch that it takes once its prompt was read."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.over = False
        self._sequence: TokenSequence | None = None

    @property
    def sequence(self) -> TokenSequence:
        assert self._sequence is not None, "a job that runs has memory"
        return self._sequence

    @property
    def token_ids(self) -> tuple[int, ...]:
        """What has to be computed before it can go on."""
        return self.request.prompt.token_ids

    def admit(self, memory: ContextMemory) -> bool:
        """Takes memory; False if there is not enough now.

        Raises:
            PromptError: there can never be enough.
            PictureError: a picture cannot be converted.
        """
        pictures = self.request.pictures.result()
        memory.check(pages_for(self._most_tokens()) + self._spare_pages(), pictures)
        self._sequence = memory.admit(
            self.token_ids,
            self.request.prompt.picture_of_token,
            pictures,
            tokens=self._most_tokens(),
            spare=self._spare_pages(),
        )
        return self._sequence is not None

    def next_chunk(self, most_tokens: int) -> Chunk:
        sequence = self.sequence
        start = sequence.computed
        end = min(start + most_tokens, len(sequence.token_ids))
        slots = [sequence.slot_at(position) for position in range(start, end)]
        return Chunk(sequence.token_ids[start:end], start, sequence.pages, slots)

    def release(self, memory: ContextMemory, *, poisoned: bool = False) -> None:
        """Gives its memory back."""
        if self._sequence is not None:
            memory.release(self._sequence, poisoned=poisoned, forgotten=self.request.is_forgotten)
            self._sequence = None

    def abandon(self) -> None:
        """Forgets its memory, which is gone, to be admitted again."""
        self._sequence = None

    def _most_tokens(self) -> int:
        return len(self.token_ids)

    def _spare_pages(self) -> int:
        return 0


class Generation(Job):
    """One answer, one row: greedy or drawn."""

    num_rows = 1
    request: GenerationRequest

    def __init__(
        self, request: GenerationRequest, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]
    ) -> None:
        super().__init__(request)
        self.answer = Answer.to(request, tokenizer, end_ids)
        self.seed = seed_of(request.options)
        self.taken: list[int] = []
        """All generated ids, also those that a stop text took back."""
        self.asked = 0
        """Tokens that steps were started for, also those whose outcome is not known yet."""
        self.cached: int | None = None

    @property
    def token_ids(self) -> tuple[int, ...]:
        return (*self.request.prompt.token_ids, *self.taken)

    def admit(self, memory: ContextMemory) -> bool:
        if not super().admit(memory):
            return False
        self.asked = len(self.taken)
        self.cached = self.sequence.cached if self.cached is None else self.cached
        return True

    def take(self, token_id: int) -> None:
        """Adds the next generated id, and tells the listener of new text and of the end."""
        self.taken.append(token_id)
        self.sequence.token_ids.append(token_id)
        if piece := self.answer.add(token_id):
            self.request.listener.piece(piece)
        if self.answer.finish_reason is not None:
            self.over = True
            self.request.listener.finish(self.answer.reply_to(self.request, self.cached or 0))

    def _most_tokens(self) -> int:
        return len(self.request.prompt.token_ids) + self.request.max_new_tokens


class BeamGeneration(Job):
    """One answer, a row for each beam."""

    request: GenerationRequest

    def __init__(
        self, request: GenerationRequest, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]
    ) -> None:
        super().__init__(request)
        self.num_rows = request.options.num_beams
        self._tokenizer = tokenizer
        self._end_ids = end_ids

    def begin(self) -> None:
        """Starts the search from the prompt, which was read."""
        sequence = self.sequence
        length = len(sequence.token_ids)
        full = length // PAGE_SIZE
        private = sequence.pages[full:] + sequence.spare
        options = self.request.options
        self.search = BeamSearch(
            options.num_beams, len(self._end_ids), self.request.max_new_tokens, self._is_over
        )
        self.pages = BeamPages(sequence.pages[:full], private, length, options.num_beams)

    def finish(self) -> None:
        """Tells the listener of the best answer."""
        best = self.search.best
        # Its last token ends it, also where only the last tokens, and not all of them, have a stop text.
        request = replace(self.request, max_new_tokens=len(best))
        answer = Answer.to(request, self._tokenizer, self._end_ids)
        for token_id in best:
            if piece := answer.add(token_id):
                self.request.listener.piece(piece)
        self.over = True
        self.request.listener.finish(answer.reply_to(self.request, self.sequence.cached))

    def _is_over(self, ids: list[int]) -> bool:
        return ids[-1] in self._end_ids or ends_in_stop_text(self._tokenizer, ids, self.request.options.stop)

    def _most_tokens(self) -> int:
        return len(self.token_ids) + self.request.max_new_tokens

    def _spare_pages(self) -> int:
        own = pages_for(self._most_tokens()) - len(self.token_ids) // PAGE_SIZE
        return (self.num_rows - 1) * own


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
            chunks.append(Chunk(ids, length, [*sequence.pages[:full], *own], slots))
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
        ranked = sorted(
            exclusive(self.request.labels, self._found).items(), key=lambda pair: pair[1], reverse=True
        )
        self.over = True
        self.request.listener.finish(ranked)

    def _pages_of_label(self) -> int:
        length = len(self.token_ids)
        longest = max(map(len, self.request.labels.values())) - 1
        return pages_for(length + longest) - length // PAGE_SIZE

    def _spare_pages(self) -> int:
        return min(LABELS_AT_ONCE, len(self.request.labels)) * self._pages_of_label()
