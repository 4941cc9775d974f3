"""An engine without a model: it says what a test wants when it wants it, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from PIL.Image import Image

from inference.errors import CheckpointError, PromptError
from inference.prompt import EndOfUtterance, Generated, Prompt
from inference.surface import FinishReason, Options, Reply

Script = str | Exception | Sequence["str | Exception | asyncio.Event"]
"""An answer, an error, or pieces of one in between which the engine waits for events."""


class Cut(list["str | Exception | asyncio.Event"]):
    """An answer that ends because it has become long enough."""

    def __init__(self, *pieces: str) -> None:
        super().__init__(pieces)


class FakeEngine:
    """Implements `inference.surface.Engine`. A word is a token, and so is every other item of a prompt.

    It gives its scripted answers in the order in which they are asked for, then "Answer 1.", "Answer 2." …
    At the word `CTRL_C` of an answer the person presses it, and nothing more comes.
    """

    CTRL_C = "\x00ctrl-c"

    def __init__(self, *answers: Script, context_length: int = 2048, trained_on_turns: bool = True) -> None:
        self._answers = list(answers)
        self._words: list[str] = []
        self._held = 0
        self._changed = asyncio.Event()
        self.context_length = context_length
        self.picture_size = 28
        self.trained_on_turns = trained_on_turns
        self.asked: list[tuple[Prompt, Options]] = []
        self.ranked: list[tuple[Prompt, list[str]]] = []
        self.asked_by: list[Hashable] = []
        """The queue key of each request."""
        self.counted = 0
        """Calls of `count_tokens`."""
        self.forgotten = 0
        """Calls of `forget`."""
        self.cancelled = 0
        """Answers that were given up before their end."""
        self.loaded = False
        """By `loader_of`."""
        self.closed = False

    async def until_asked(self, times: int) -> None:
        """Returns once this many prompts were asked in all."""
        while len(self.asked) < times:
            self._changed.clear()
            await self._changed.wait()

    async def until_held(self, times: int) -> None:
        """Returns once events were come to this many times in all: what is before them was taken."""
        while self._held < times:
            self._changed.clear()
            await self._changed.wait()

    def shown(self, number: int) -> str:
        """The text of a prompt that was asked: pictures as [colour], generated ids as their words."""
        return "".join(self._text(item) for item in self.asked[number][0])

    def pictures(self, number: int) -> int:
        """How many pictures there were in a prompt that was asked."""
        return len(pictures_in(self.asked[number][0]))

    def count_tokens(self, prompt: Prompt) -> int:
        self.counted += 1
        if not self.trained_on_turns and any(isinstance(item, EndOfUtterance) for item in prompt):
            raise PromptError("This checkpoint has no end-of-utterance token.")
        return 1 + sum(
            len(item.split())
            if isinstance(item, str)
            else len(item.token_ids)
            if isinstance(item, Generated)
            else 1
            for item in prompt
        )

    async def generate(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008
        *,
        queue_key: Hashable = None,
    ) -> Reply:
        async with aclosing(self.stream(prompt, options)) as stream:
            async for _ in stream:
                pass
        assert stream.reply is not None
        return stream.reply

    def stream(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008
        *,
        queue_key: Hashable = None,
    ) -> FakeStream:
        self.asked_by.append(queue_key)
        return FakeStream(self, prompt, options)

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = None
    ) -> list[tuple[str, float]]:
        """Each label is twice as likely as the next."""
        self.asked_by.append(queue_key)
        self.ranked.append((prompt, list(labels)))
        return [(label, -0.6931471805599453 * place) for place, label in enumerate(labels)]

    async def forget(self) -> None:
        self.forgotten += 1

    async def aclose(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def ask(self, prompt: Prompt, options: Options) -> list[str | Exception | asyncio.Event]:
        """Keeps the prompt and returns the script of its answer."""
        if self.count_tokens(prompt) >= self.context_length:
            raise PromptError("The prompt is too long: shorten it.")
        self.asked.append((prompt, options))
        self._changed.set()
        script = self._answers.pop(0) if self._answers else f"Answer {len(self.asked)}."
        if isinstance(script, str):
            words = script.split(" ")
            return [word if number == 0 else f" {word}" for number, word in enumerate(words)]
        if isinstance(script, Cut):
            return script
        return [script] if isinstance(script, Exception) else list(script)

    def hold(self) -> None:
        """An answer has come to an event."""
        self._held += 1
        self._changed.set()

    def token(self, word: str) -> int:
        self._words.append(word)
        return len(self._words) - 1

    def _text(self, item: object) -> str:
        if isinstance(item, Image):
            red, green, blue = item.getpixel((0, 0))  # type: ignore[misc]
            names = {(255, 0, 0): "red", (0, 128, 0): "green", (0, 0, 255): "blue"}
            return f"[{names.get((red, green, blue), f'{red},{green},{blue}')}]"
        if isinstance(item, Generated):
            return "".join(self._words[token_id] for token_id in item.token_ids)
        return item if isinstance(item, str) else "</u>"


class FakeStream:
    """Implements `inference.surface.ReplyStream`."""

    def __init__(self, engine: FakeEngine, prompt: Prompt, options: Options) -> None:
        self.reply: Reply | None = None
        self._engine = engine
        self._begun = False
        self._pieces = self._generate(prompt, options)

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._pieces

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()
        if self._begun and self.reply is None:
            self._begun = False
            self._engine.cancelled += 1

    async def _generate(self, prompt: Prompt, options: Options) -> AsyncGenerator[str, None]:
        script = self._engine.ask(prompt, options)
        self._begun = True
        pieces: list[str] = []
        for step in script:
            if isinstance(step, Exception):
                self._begun = False
                raise step
            if isinstance(step, asyncio.Event):
                self._engine.hold()
                await step.wait()
            elif step.strip() == FakeEngine.CTRL_C:
                signal.raise_signal(signal.SIGINT)
                await asyncio.Event().wait()
            elif step:
                await asyncio.sleep(0)  # as pieces come from another thread, one by one
                pieces.append(step)
                yield step
        token_ids = tuple(self._engine.token(piece) for piece in pieces)
        prompt_tokens = self._engine.count_tokens(prompt)
        reason: FinishReason = "length" if isinstance(script, Cut) else "stop"
        self.reply = Reply("".join(pieces), token_ids, reason, prompt_tokens, 0, len(token_ids))


def pictures_in(prompt: Prompt) -> list[Image]:
    return [item for item in prompt if isinstance(item, Image)]


def loader_of(engine: FakeEngine) -> Callable[..., Awaitable[FakeEngine]]:
    """Stands in for `load_engine`; the checkpoint named `broken` cannot be loaded."""

    async def load_engine(checkpoint: str, **_: object) -> FakeEngine:
        if checkpoint == "broken":
            raise CheckpointError("The checkpoint broken is incomplete: download it again.")
        engine.loaded = True
        return engine

    return load_engine
