"""The surface of an engine whose device work happens on a thread of its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import TracebackType
from typing import Self

from inference.errors import PromptError
from inference.prepared import PictureDesk
from inference.prompt import EncodedPrompt, Prompt, PromptEncoder
from inference.requests import FutureListener, GenerationRequest, QueueListener, RankRequest, Request, T
from inference.surface import Options, Reply
from inference.text_pieces import TextPieces
from inference.worker import Worker

# No token stands for more characters of ordinary text than this (LLaMA's longest piece has 16); a text
# beyond context * this is refused without encoding it.
MAX_CHARACTERS_PER_TOKEN = 16


class ThreadedEngine:
    """Encodes and checks prompts where it is called, and has the worker do the rest.

    It implements `inference.surface.Engine`; see there for what the methods do.
    """

    def __init__(
        self,
        worker: Worker,
        encoder: PromptEncoder,
        desk: PictureDesk,
        *,
        context_length: int,
        picture_size: int,
    ) -> None:
        self._worker = worker
        self._encoder = encoder
        self._desk = desk
        self._context_length = context_length
        self._picture_size = picture_size

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def picture_size(self) -> int:
        return self._picture_size

    def count_tokens(self, prompt: Prompt) -> int:
        characters = _characters(prompt)
        if characters > self._most_characters:
            return characters // MAX_CHARACTERS_PER_TOKEN
        return len(self._encoder.encode(prompt).token_ids)

    async def generate(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> Reply:
        listener: FutureListener[Reply] = FutureListener()
        request = self._generation(prompt, options, queue_key, listener)
        return await self._result(request, listener)

    def stream(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> TextPieces:
        def submit(listener: QueueListener) -> GenerationRequest:
            request = self._generation(prompt, options, queue_key, listener)
            self._worker.submit(request)
            return request

        return TextPieces(submit, self._worker.line.place)

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = None
    ) -> list[tuple[str, float]]:
        if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
            raise PromptError("Ranking needs a list of labels, each of them a text.")
        if not labels or not all(label.strip() for label in labels):
            raise PromptError("Ranking needs labels to choose from, none of them empty.")
        for label in labels:
            self._check_characters(len(label))
        encoded = self._encode(prompt)
        ids = {label: self._encoder.encode_continuation(prompt, label) for label in labels}
        if len(set(ids.values())) < len(labels):
            raise PromptError("Ranking needs labels that differ: two of these are the same.")
        self._check_room(len(encoded.token_ids) + max(map(len, ids.values())) - 1)
        listener: FutureListener[list[tuple[str, float]]] = FutureListener()
        request = RankRequest(
            prompt=encoded,
            pictures=self._desk.prepare(encoded.pictures),
            queue_key=queue_key,
            labels=ids,
            listener=listener,
        )
        return await self._result(request, listener)

    async def forget(self) -> None:
        await self._worker.forget()

    async def aclose(self) -> None:
        self._worker.close()
        self._desk.close()
        await self._worker.ended()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _generation(
        self,
        prompt: Prompt,
        options: Options,
        queue_key: Hashable,
        listener: FutureListener[Reply] | QueueListener,
    ) -> GenerationRequest:
        encoded = self._encode(prompt)
        room = self._context_length - len(encoded.token_ids)
        return GenerationRequest(
            prompt=encoded,
            pictures=self._desk.prepare(encoded.pictures),
            queue_key=queue_key,
            options=options,
            max_new_tokens=min(options.max_new_tokens, room),
            listener=listener,
        )

    async def _result(self, request: Request, listener: FutureListener[T]) -> T:
        self._worker.submit(request)
        try:
            return await listener.result
        finally:
            request.cancelled = True  # It has no effect on what is done.
            self._worker.wake()

    def _encode(self, prompt: Prompt) -> EncodedPrompt:
        self._worker.check_open()
        self._check_characters(_characters(prompt))
        encoded = self._encoder.encode(prompt)
        if len(encoded.token_ids) == 1:
            raise PromptError("The prompt is empty: write a text or add a picture.")
        self._check_room(len(encoded.token_ids))
        return encoded

    @property
    def _most_characters(self) -> int:
        return self._context_length * MAX_CHARACTERS_PER_TOKEN

    def _check_characters(self, characters: int) -> None:
        """Spares the event loop the encoding of what cannot fit."""
        if characters > self._most_characters:
            raise PromptError(
                "The prompt has {characters} characters, more than the {most} tokens that this model "
                "can read: shorten it.",
                characters=characters,
                most=self._context_length,
            )

    def _check_room(self, tokens: int) -> None:
        """A sequence of `tokens` must leave room for one more."""
        if tokens >= self._context_length:
            raise PromptError(
                "The prompt has {tokens} tokens and this model reads {most} at most, answer included: "
                "shorten it or leave out pictures.",
                tokens=tokens,
                most=self._context_length,
            )


def _characters(prompt: Prompt) -> int:
    return sum(len(item) for item in prompt if isinstance(item, str))
