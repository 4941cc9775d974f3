"""The part of a terminal's conversation that the model sees, chosen as in every other chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from PIL.Image import Image

from bot.cli.options import Sampling
from bot.conversation.budget import Budget
from bot.conversation.messages import Photo
from bot.conversation.turns import Content, Exchange, turns_of
from inference import tasks
from inference.errors import PromptError
from inference.prompt import Generated
from inference.surface import Engine
from inference.tasks import TaskRequest, Turn

TERMINAL = 0
"""The id of the one place there is."""


class ConversationWindow:
    """Remembers exchanges and makes the request for the next question out of those that fit."""

    def __init__(self, engine: Engine, sampling: Sampling, *, base: bool) -> None:
        """`base` says that the model was not trained on turns (see `tasks.conversation`)."""
        self._engine = engine
        self._sampling = sampling
        self._base = base
        self._budget = Budget(engine, base=base)
        self._exchanges: list[Exchange] = []
        self._pictures: dict[str, Image] = {}
        self._numbers = count()

    def request(self, question: Sequence[Image | str]) -> tuple[TaskRequest, int]:
        """The request that continues the conversation with `question`, and how many exchanges it cost.

        What `Budget.fit` leaves out is dropped for good, but for the newest picture; an answer is given half
        the context at most.

        Raises:
            PromptError: not even the question and the newest picture fit; nothing was dropped.
        """
        asked = Exchange(next(self._numbers), self._kept(question))
        options = self._sampling.applied_to(tasks.conversation([Turn("User", ())], base=self._base).options)
        context = self._engine.context_length
        answer = min(options.max_new_tokens, context // 2)
        shown = self._budget.fit(TERMINAL, [*self._exchanges, asked], answer)
        request = tasks.conversation(turns_of(shown, self._pictures), base=self._base)
        if (excess := self._engine.count_tokens(request.prompt) + answer - context) > 0:
            raise PromptError(
                f"This is {excess:,} tokens more than the model has room for: write less, "
                "or start a new conversation."
            )
        return replace(request, options=options), self._drop(shown)

    def remember(self, question: Sequence[Image | str], answer: str | Generated) -> None:
        """Adds an answered question. `answer` is a `Generated`, or text if the answer was cut off."""
        self._exchanges.append(Exchange(next(self._numbers), self._kept(question), (answer,)))

    def take_back(self) -> None:
        """Forgets the newest answered question."""
        self._exchanges.pop()

    def clear(self) -> None:
        """Forgets everything."""
        self._exchanges.clear()
        self._pictures.clear()

    def _kept(self, question: Sequence[Image | str]) -> Content:
        """The question with names for its pictures, which are kept under these."""
        content: list[str | Photo] = []
        for item in question:
            if isinstance(item, Image):
                photo = Photo(str(next(self._numbers)), item.width, item.height)
                self._pictures[photo.sha256] = item
                content.append(photo)
            else:
                content.append(item)
        return tuple(content)

    def _drop(self, shown: Sequence[Exchange]) -> int:
        """Forgets the exchanges that are not shown; returns how many that are."""
        pictured = [exchange.id for exchange in self._exchanges if exchange.photos][-1:]
        wanted = {*(exchange.id for exchange in shown), *pictured}
        kept = [exchange for exchange in self._exchanges if exchange.id in wanted]
        dropped = len(self._exchanges) - len(kept)
        self._exchanges = kept
        names = {photo.sha256 for exchange in kept for photo in exchange.photos}
        self._pictures = {name: picture for name, picture in self._pictures.items() if name in names}
        return dropped
