"""An engine without a model, for what a command does around the answers and when an engine fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from PIL.Image import Image

from inference.errors import CheckpointError, PromptError
from inference.prompt import EndOfUtterance, Generated, Prompt
from inference.surface import Options, Reply


class ScriptedEngine:
    """Answers with given texts, in order; a word is a token, and so is each other item of a prompt.

    An answer that is an exception is raised; at `CTRL_C` the person presses it and nothing more comes.
    Requests are kept in `asked`.
    """

    CTRL_C = "\x00ctrl-c"

    def __init__(
        self, *answers: str | Exception, context_length: int = 2048, trained_on_turns: bool = True
    ) -> None:
        self.answers = list(answers)
        self.context_length = context_length
        self.trained_on_turns = trained_on_turns
        self.asked: list[tuple[Prompt, Options]] = []
        self.loaded = False
        self.closed = False
        self.cancelled = 0

    def count_tokens(self, prompt: Prompt) -> int:
        if not self.trained_on_turns and any(isinstance(item, EndOfUtterance) for item in prompt):
            raise PromptError("This checkpoint has no end-of-utterance token.")
        return sum(
            len(item.split())
            if isinstance(item, str)
            else len(item.token_ids)
            if isinstance(item, Generated)
            else 1
            for item in prompt
        )

    async def generate(self, prompt: Prompt, options: Options = Options()) -> Reply:  # noqa: B008
        stream = self.stream(prompt, options)
        async for _ in stream:
            pass
        assert stream.reply is not None
        return stream.reply

    def stream(self, prompt: Prompt, options: Options = Options()) -> ScriptedStream:  # noqa: B008
        self.asked.append((prompt, options))
        return ScriptedStream(self, prompt, self.answers.pop(0))

    async def rank(self, prompt: Prompt, labels: Sequence[str]) -> list[tuple[str, float]]:
        self.asked.append((prompt, Options()))
        return [(label, -float(place)) for place, label in enumerate(labels)]

    async def aclose(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class ScriptedStream:
    """The words of one answer, each a piece and a token."""

    def __init__(self, engine: ScriptedEngine, prompt: Prompt, answer: str | Exception) -> None:
        self.reply: Reply | None = None
        self._pieces = self._generate(engine, prompt, answer)

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()  # type: ignore[attr-defined]

    async def _generate(
        self, engine: ScriptedEngine, prompt: Prompt, answer: str | Exception
    ) -> AsyncIterator[str]:
        if isinstance(answer, Exception):
            raise answer
        words = answer.split(" ")
        for number, word in enumerate(words):
            if word == engine.CTRL_C:
                signal.raise_signal(signal.SIGINT)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    engine.cancelled += 1
                    raise
            yield word if number == 0 else f" {word}"
        tokens = tuple(range(len(words)))
        self.reply = Reply(answer, tokens, "stop", engine.count_tokens(prompt), 0, len(tokens))


def pictures_in(prompt: Prompt) -> list[Image]:
    return [item for item in prompt if isinstance(item, Image)]


def loader_of(engine: ScriptedEngine) -> Callable[..., Awaitable[ScriptedEngine]]:
    """Stands in for `load_engine`; the checkpoint named `broken` cannot be loaded."""

    async def load_engine(checkpoint: str, **_: object) -> ScriptedEngine:
        if checkpoint == "broken":
            raise CheckpointError("The checkpoint broken is incomplete: download it again.")
        engine.loaded = True
        return engine

    return load_engine
