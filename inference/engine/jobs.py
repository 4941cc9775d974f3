"""Requests that are being worked on: what each keeps beside its memory, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference.answer import Answer, ends_in_stop_text
from inference.engine.beams import BeamPages, BeamSearch
from inference.engine.context import KVCache, TokenSequence
from inference.engine.layout import Chunk
from inference.engine.pages import PAGE_SIZE, pages_for
from inference.engine.rows import Placement
from inference.requests import GenerationRequest, Request
from inference.sampling import seed_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class NotANumber(Exception):  # noqa: N818 - callers are told in words
    """The model's values overflowed."""


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

    def admit(self, memory: KVCache) -> bool:
        """Takes memory; False if there is not enough now.

        Raises:
            PromptError: there can never be enough.
            PictureError: a picture cannot be converted.
        """
        self._sequence = memory.admit(
            self.token_ids,
            self.request.prompt.picture_of_token,
            self.request.pictures.result(),
            tokens=self._most_tokens(),
            spare=self._spare_pages(),
        )
        return self._sequence is not None

    def next_chunk(self, most_tokens: int) -> Chunk:
        sequence = self.sequence
        start = sequence.computed
        end = min(start + most_tokens, len(sequence.token_ids))
        slots = [sequence.slot_at(position) for position in range(start, end)]
        wanted = int(end == len(sequence.token_ids))
        return Chunk(sequence.token_ids[start:end], start, sequence.pages, slots, wanted)

    def remember(self, memory: KVCache) -> None:
        """Keeps for others what was computed, unless it is to be forgotten."""
        if not self.request.is_forgotten:
            memory.remember(self.sequence, self._known_tokens())

    def release(self, memory: KVCache, *, poisoned: bool = False) -> None:
        """Gives its memory back."""
        if self._sequence is not None:
            memory.release(self._sequence, poisoned=poisoned, forgotten=self.request.is_forgotten)
            self._sequence = None

    def abandon(self) -> None:
        """Forgets its memory, which is gone, to be admitted again."""
        self._sequence = None

    def _known_tokens(self) -> int:
        return self.sequence.computed

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

    def admit(self, memory: KVCache) -> bool:
        if not super().admit(memory):
            return False
        self.asked = len(self.taken)
        self.cached = self.sequence.cached if self.cached is None else self.cached
        return True

    def placement(self, row: int) -> Placement:
        """What a row needs to know to go on from what was read."""
        sequence = self.sequence
        length = len(sequence.token_ids)
        return Placement(
            row,
            length=length,
            pages=sequence.pages,
            picture=sequence.slot_at(length),
            options=self.request.options,
            seed=self.seed,
            seen=sequence.token_ids,
        )

    def take(self, token_id: int) -> None:
        """Adds the next generated id, and tells the listener of new text and of the end."""
        self.taken.append(token_id)
        self.sequence.token_ids.append(token_id)
        if piece := self.answer.add(token_id):
            self.request.listener.piece(piece)
        if self.answer.finish_reason is not None:
            self.over = True
            self.request.listener.finish(self.answer.reply_to(self.request, self.cached or 0))

    def _known_tokens(self) -> int:
        # Of the answer the last token was chosen, but perhaps not computed.
        return max(self.sequence.computed, len(self.sequence.token_ids) - 1)

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

    def placement(self, row: int, beam: int) -> Placement:
        """What a row needs to know to go on with a beam from its last token."""
        token_ids = self.search.running[beam]
        length = len(self.sequence.token_ids) + len(token_ids)
        return Placement(
            row,
            length=length,
            pages=self.pages.tables[beam],
            picture=self.sequence.slot_at(length),
            token_id=token_ids[-1],
        )

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

    def _known_tokens(self) -> int:
        # Beams put other things into a page that the prompt ends in.
        return self.sequence.computed // PAGE_SIZE * PAGE_SIZE

    def _most_tokens(self) -> int:
        return len(self.token_ids) + self.request.max_new_tokens

    def _spare_pages(self) -> int:
        own = pages_for(self._most_tokens()) - len(self.token_ids) // PAGE_SIZE
        return (self.num_rows - 1) * own
