"""The part of a conversation that the model sees: the newest exchanges that its context has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from bot.cli.options import Sampling
from inference import tasks
from inference.errors import PromptError
from inference.prompt import Generated
from inference.surface import Engine
from inference.tasks import TaskRequest, Turn


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer; they are kept or dropped together."""

    question: Turn
    answer: Turn


class ConversationWindow:
    """Remembers exchanges and makes the request for the next question out of those that fit."""

    def __init__(self, engine: Engine, sampling: Sampling, *, base: bool) -> None:
        """`base` says that the model was not trained on turns (see `tasks.conversation`)."""
        self._engine = engine
        self._sampling = sampling
        self._base = base
        self._exchanges: list[Exchange] = []

    def request(self, question: Sequence[Image | str]) -> tuple[TaskRequest, int]:
        """The request that continues the conversation with `question`, and how many exchanges it cost.

        The oldest are dropped, for good, until prompt and answer fit; an answer is given half the context
        at most. The newest picture is what follow-up questions are about, so its exchange stays.

        Raises:
            PromptError: not even the question and the newest picture's exchange fit; nothing was dropped.
        """
        turn = Turn("User", tuple(question))
        newest_picture = _exchange_with_newest_picture(self._exchanges, turn)
        oldest_first = [one for one in self._exchanges if one is not newest_picture]
        request = self._request_without(oldest_first, turn)
        if (excess := self._excess(request)) > 0:
            raise PromptError(
                f"This is {excess:,} tokens more than the model has room for: write less, "
                "or start a new conversation."
            )
        for dropped in range(len(oldest_first) + 1):
            request = self._request_without(oldest_first[:dropped], turn)
            if self._excess(request) <= 0:
                break
        self._exchanges = _without(oldest_first[:dropped], self._exchanges)
        return request, dropped

    def remember(self, question: Sequence[Image | str], answer: str | Generated) -> None:
        """Adds an answered question. `answer` is a `Generated`, or text if the answer was cut off."""
        self._exchanges.append(Exchange(Turn("User", tuple(question)), Turn("Assistant", (answer,))))

    def clear(self) -> None:
        """Forgets everything."""
        self._exchanges.clear()

    def _request_without(self, dropped: Sequence[Exchange], question: Turn) -> TaskRequest:
        kept = _without(dropped, self._exchanges)
        earlier = [turn for exchange in kept for turn in (exchange.question, exchange.answer)]
        request = tasks.conversation([*earlier, question], base=self._base)
        return replace(request, options=self._sampling.applied_to(request.options))

    def _excess(self, request: TaskRequest) -> int:
        """By how many tokens prompt and answer are too long; 0 or less if they fit."""
        context = self._engine.context_length
        answer = min(request.options.max_new_tokens, context // 2)
        return self._engine.count_tokens(request.prompt) + answer - context


def _without(dropped: Sequence[Exchange], exchanges: Sequence[Exchange]) -> list[Exchange]:
    # By identity: equality would compare the pictures' pixels.
    gone = {id(exchange) for exchange in dropped}
    return [exchange for exchange in exchanges if id(exchange) not in gone]


def _exchange_with_newest_picture(exchanges: Sequence[Exchange], question: Turn) -> Exchange | None:
    """None if the question brings a picture itself, or if there is no picture at all."""
    if _has_picture(question):
        return None
    return next((one for one in reversed(exchanges) if _has_picture(one.question)), None)


def _has_picture(turn: Turn) -> bool:
    return any(isinstance(item, Image) for item in turn.content)
