"""One answer as it grows: generated ids in, certain text out, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, cast

from inference.surface import FinishReason, Reply
from inference.tokenizer import TextStream

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from inference.requests import GenerationRequest


class Answer:
    """Takes generated ids one at a time and knows what of their text can be shown.

    Text that could be the beginning of a stop text is held back until the next ids decide it. An end
    token, a stop text or the last allowed token finishes the answer; later ids are ignored.

    Args:
        end_ids: tokens that end an answer and are no part of it.
        stop: texts that end an answer where they first appear, and are no part of it.
        max_new_tokens: ids that are taken at most.
        after: ids of the answer's beginning, which its text goes on from; they are no part of it.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        end_ids: frozenset[int],
        stop: Sequence[str],
        max_new_tokens: int,
        after: Sequence[int] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self._stream = TextStream(tokenizer, after)
        self._end_ids = end_ids
        self._stop = tuple(stop)
        self._max_new_tokens = max_new_tokens
        self._ids: list[int] = []
        self._text = ""
        self._shown = 0
        self._text_before: list[int] = []
        """For each id the length of the text that was certain before it."""
        self.finish_reason: FinishReason | None = None

    @classmethod
    def to(
        cls, request: GenerationRequest, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]
    ) -> Self:
        """The answer to a request, before its first id."""
        return cls(
            tokenizer,
            end_ids=end_ids,
            stop=request.options.stop,
            max_new_tokens=request.max_new_tokens,
            after=request.prompt.answer_begun,
        )

    def reply_to(self, request: GenerationRequest, cached_tokens: int = 0) -> Reply:
        """What whoever asked gets; the answer is finished."""
        assert self.finish_reason is not None, "the answer is finished"
        prompt_tokens, ids = len(request.prompt.token_ids), self.token_ids
        return Reply(self.text, ids, self.finish_reason, prompt_tokens, cached_tokens, len(ids))

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The ids so far, without an end token; once a stop text was met, those in front of it."""
        return tuple(self._ids)

    @property
    def text(self) -> str:
        """The text of `token_ids` up to a stop text."""
        return self._text

    def add(self, token_id: int) -> str:
        """Takes the next id; returns the text that is certain now and was not returned before."""
        if self.finish_reason is not None:
            return ""
        if token_id in self._end_ids:
            return self._finish("stop")
        self._text_before.append(len(self._text))
        self._ids.append(token_id)
        self._text += self._stream.add(token_id)
        if self._cut_at_stop_text():
            return self._finish("stop")
        if len(self._ids) >= self._max_new_tokens:
            return self._finish("length")
        return self._show(len(self._text) - self._held_back())

    def _finish(self, reason: FinishReason) -> str:
        self.finish_reason = reason
        return self._show(len(self._text))

    def _show(self, end: int) -> str:
        piece = self._text[self._shown : end]
        self._shown = max(self._shown, end)
        return piece

    def _cut_at_stop_text(self) -> bool:
        """Whether a stop text has appeared; then text and ids end in front of it."""
        # What was shown cannot be the beginning of one, so there is no need to look there again.
        found = [at for stop in self._stop if (at := self._text.find(stop, self._shown)) >= 0]
        if not found:
            return False
        cut = min(found)
        self._text = self._text[:cut]
        while self._ids and self._text_before[-1] >= cut:
            self._ids.pop()
            self._text_before.pop()
        if self._ids and self._decoded_length() > cut:
            self._ids.pop()  # Its text reaches into the stop text.
        return True

    def _decoded_length(self) -> int:
        text: str = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return len(text)

    def _held_back(self) -> int:
        """Characters at the end of the text that could be the beginning of a stop text."""
        unseen = self._text[self._shown :]
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(unseen)), 0, -1):
            if any(stop.startswith(unseen[-length:]) for stop in self._stop):
                return length
        return 0


def ends_in_stop_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], stop: Sequence[str]) -> bool:
    """Whether a stop text ends with the newest of the generated `ids` or shortly before it.

    For beams, whose ids change places: a stop text in front of the newest token would have ended the beam
    before.
    """
    if not stop:
        return False
    # No token is less than a byte, and the first one may lose its space in decoding.
    tail = max(len(text.encode()) for text in stop) + 1
    text = cast(str, tokenizer.decode(list(ids[-tail:]), skip_special_tokens=True))
    return any(each in text for each in stop)
