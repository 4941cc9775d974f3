"""The engine driven step by step on the test's own thread, so that every schedule can be had again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import EngineSettings, Options, Prompt, Reply
from inference.engine.loop import ContinuousEngine
from inference.engine.machine import Machine
from inference.line import Line
from inference.prepared import PictureDesk
from inference.preprocessing import Preprocessor
from inference.prompt import PromptEncoder
from inference.requests import GenerationRequest, RankRequest
from inference.tokenizer import SpecialTokens
from tests.inference.checkpoints import CONTEXT, PICTURE_SIZE

A_PAGE = 2 * 16 * 64 * 4 * 4
A_PICTURE = 2 * 2 * 16 * 64 * 4 * 2
"""Bytes of a page, and of a picture, in all layers of the small models."""


def with_pages(pages: int, pictures: int = 8, **changes: int) -> EngineSettings:
    return EngineSettings(context_bytes=pages * A_PAGE, picture_bytes=pictures * A_PICTURE, **changes)


SMALL_MEMORY = with_pages(32, most_rows=8)


@dataclass(eq=False)
class Outcome:
    """What came of a request; it is a listener."""

    pieces: list[str] = field(default_factory=list)
    reply: Reply | None = None
    ranked: list[tuple[str, float]] | None = None
    error: Exception | None = None

    def piece(self, text: str) -> None:
        assert not self.is_over
        assert text
        self.pieces.append(text)

    def finish(self, result: Reply | list[tuple[str, float]]) -> None:
        assert not self.is_over
        if isinstance(result, Reply):
            self.reply = result
            assert "".join(self.pieces) == result.text
        else:
            self.ranked = result

    def fail(self, error: Exception) -> None:
        assert not self.is_over
        self.error = error

    @property
    def is_over(self) -> bool:
        return self.reply is not None or self.ranked is not None or self.error is not None

    @property
    def token_ids(self) -> tuple[int, ...]:
        assert self.reply is not None, self.error
        return self.reply.token_ids


class Stepped:
    """An engine without a thread."""

    def __init__(
        self,
        model: IdeficsForVisionText2Text,
        tokenizer: PreTrainedTokenizerBase,
        settings: EngineSettings = SMALL_MEMORY,
    ) -> None:
        special = SpecialTokens.of(tokenizer)
        self.line = Line(settings.most_waiting)

        def make_machine() -> Machine:
            machine = Machine(model, settings, special.forbidden)
            for layer in (*machine.memory.own, *machine.memory.picture_layers):
                layer.keys[0].normal_()  # What is where nobody's values are must not matter.
                layer.values[0].normal_()
            return machine

        self.engine = ContinuousEngine(
            self.line,
            make_machine,
            tokenizer,
            special.end_ids(model.config.eos_token_id),
            settings,
        )
        self._encoder = PromptEncoder(tokenizer)
        self._desk = PictureDesk(Preprocessor(size=PICTURE_SIZE))

    def ask(
        self, prompt: Prompt, options: Options, queue_key: Hashable = None
    ) -> tuple[GenerationRequest, Outcome]:
        encoded = self._encoder.encode(prompt)
        outcome = Outcome()
        request = GenerationRequest(
            prompt=encoded,
            pictures=self._desk.prepare(encoded.pictures),
            options=options,
            max_new_tokens=min(options.max_new_tokens, CONTEXT - len(encoded.token_ids)),
            listener=outcome,
            queue_key=queue_key,
        )
        request.pictures.exception()  # waits for them
        self.line.put(request)
        return request, outcome

    def rank(self, prompt: Prompt, labels: Sequence[str]) -> tuple[RankRequest, Outcome]:
        encoded = self._encoder.encode(prompt)
        outcome = Outcome()
        request = RankRequest(
            prompt=encoded,
            pictures=self._desk.prepare(encoded.pictures),
            labels={label: self._encoder.encode_continuation(prompt, label) for label in labels},
            listener=outcome,
        )
        request.pictures.exception()
        self.line.put(request)
        return request, outcome

    def step(self) -> None:
        self.engine.step()

    def finish(self, most_steps: int = 2000) -> None:
        """Steps until there is nothing to do, and makes sure that nothing is left in use."""
        for _ in range(most_steps):
            if not self.engine.has_work():
                break
            self.engine.step()
        assert not self.engine.has_work()
        self.assert_nothing_in_use()

    def answer(self, prompt: Prompt, options: Options) -> Reply:
        _, outcome = self.ask(prompt, options)
        self.finish()
        assert outcome.reply is not None, outcome.error
        return outcome.reply

    def assert_nothing_in_use(self) -> None:
        """Only what is remembered uses pages, and no picture is in use."""
        memory = self.engine.machine.memory
        while memory.prefixes.forget():
            pass
        assert memory.pool.free == memory.pool.size
        assert not memory.pictures._users
        assert not memory.pictures.waiting
        assert not self.engine.machine.rows.lengths.any()
        assert not self.engine.running

    def keep_finishing(self, most_steps: int = 2000) -> None:
        """Like `finish`, but what was remembered stays."""
        for _ in range(most_steps):
            if not self.engine.has_work():
                return
            self.engine.step()
        raise AssertionError("the engine does not come to an end")
