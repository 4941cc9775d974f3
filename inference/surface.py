"""What callers of an engine see: options in, replies out, one protocol for every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from inference.errors import OptionsError
from inference.prompt import Prompt

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Options:
    """How an answer is generated. The defaults decode greedily.

    Raises:
        OptionsError: a value is outside its range; the message names it.
    """

    max_new_tokens: int = 100
    temperature: float = 0.0
    """0 takes the most likely token each time; above 0 draws from the softmax of logits / temperature."""
    top_p: float = 1.0
    """Draw only from the smallest set of tokens whose probabilities add up to this (nucleus sampling)."""
    top_k: int = 0
    """Draw only from this many of the most likely tokens; 0 for all."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens less likely that the prompt or the answer has already."""
    num_beams: int = 1
    stop: tuple[str, ...] = ()
    """Texts that end the answer where they first appear; they are not part of it."""
    seed: int | None = None
    """Makes sampling repeatable; without it each call draws anew."""

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            raise OptionsError("stop must be a tuple of texts, not one text.")
        object.__setattr__(self, "stop", tuple(self.stop))
        # A wrong type would else be met on the engine's thread, and fail the requests in the same batch.
        if not all(isinstance(text, str) for text in self.stop):
            raise OptionsError("stop must hold texts only.")
        for name in ("max_new_tokens", "num_beams", "top_k", "seed"):
            value = getattr(self, name)
            if not isinstance(value, int) and not (name == "seed" and value is None):
                raise OptionsError(f"{name} must be a whole number, not {value!r}.")
        for name in ("temperature", "top_p", "repetition_penalty"):
            value = getattr(self, name)
            if not isinstance(value, int | float):
                raise OptionsError(f"{name} must be a number, not {value!r}.")
        if self.max_new_tokens < 1:
            raise OptionsError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")
        if not 0.0 <= self.temperature <= 100.0:
            raise OptionsError(f"temperature must lie between 0 and 100, not {self.temperature}.")
        if not 0.0 < self.top_p <= 1.0:
            raise OptionsError(f"top_p must be above 0 and at most 1, not {self.top_p}.")
        if self.top_k < 0:
            raise OptionsError(f"top_k must be at least 0, not {self.top_k}.")
        if not 0.1 <= self.repetition_penalty <= 10.0:
            raise OptionsError(
                f"repetition_penalty must lie between 0.1 and 10, not {self.repetition_penalty}."
            )
        if not 1 <= self.num_beams <= 16:
            raise OptionsError(f"num_beams must lie between 1 and 16, not {self.num_beams}.")
        if self.num_beams > 1 and self.temperature > 0.0:
            raise OptionsError("Beams and sampling exclude each other: set num_beams=1 or temperature=0.")
        if any(not text for text in self.stop):
            raise OptionsError("A stop text must not be empty.")


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer.

    `text` ends before the stop text or the end token that finished it. `token_ids` are the generated ids
    up to there, without end tokens: `Generated(reply.token_ids)` puts them into the next turn's prompt.
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens that needed no computation because an earlier request had left them."""
    completion_tokens: int


class ReplyStream(Protocol):
    """Pieces of an answer's text as they are generated; joined they equal `reply.text`.

    Leaving the loop, or `aclose`, cancels the request and stops the device's work on it.
    """

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def __anext__(self) -> str: ...

    async def aclose(self) -> None: ...

    @property
    def reply(self) -> Reply | None:
        """The finished answer once the last piece has been taken, before that None."""
        ...

    @property
    def place(self) -> int | None:
        """How many requests are served before this one; None if it does not wait in line."""
        ...


class Engine(Protocol):
    """A loaded model that answers prompts; every method may be called from many tasks at once."""

    @property
    def context_length(self) -> int:
        """Tokens that prompt and answer may have together."""
        ...

    @property
    def picture_size(self) -> int:
        """Width and height in pixels that pictures get: `inference.pictures.fitted` makes them so early."""
        ...

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens of `prompt` as the model would read it; of one that is far too long, the least there are."""
        ...

    async def generate(self, prompt: Prompt, options: Options = ..., *, queue_key: Hashable = ...) -> Reply:
        """The whole answer at once.

        Args:
            queue_key: whose request it is. Askers take turns, however many requests one of them has.

        Raises:
            PromptError: the prompt is empty or leaves no room in the context.
            PictureError: a picture cannot be read.
            QueueFullError: too many requests are waiting already.
            EngineError: the engine failed or was closed.
        """
        ...

    def stream(self, prompt: Prompt, options: Options = ..., *, queue_key: Hashable = ...) -> ReplyStream:
        """The answer piece by piece; errors are those of `generate` and come out of the iteration."""
        ...

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = ...
    ) -> list[tuple[str, float]]:
        """Labels with the natural log-probability that the answer is that label, best first.

        Raises:
            PromptError: no labels, an empty label or the same label twice; or as in `generate`.
            EngineError: the engine failed or was closed.
        """
        ...

    async def forget(self) -> None:
        """Drops what is kept of prompts and pictures for later ones; requests that are under way go on.

        Of those nothing is kept either.

        Raises:
            EngineError: the engine failed or was closed.
        """
        ...

    async def aclose(self) -> None:
        """Ends the worker; requests that were not finished fail with EngineError."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
