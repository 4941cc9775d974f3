"""What the open pages of one conversation show, kept up to date while answers are written."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bot.conversation.messages import Place, PlaceKind
from bot.conversation.ports import ReplyView
from bot.conversation.requests import Outcome, Request, RequestState
from bot.conversation.store import Store
from bot.languages.words import Words
from bot.web.shown import Answer, Question
from bot.web.snowflakes import Snowflakes

MOST_BOARDS = 500
MOST_ANSWERS = 100

Event = tuple[str, dict[str, Any]]
"""Its name and its data, ready for JSON."""


class Subscription:
    """One open page: what it has not been told yet. Of an answer only the latest state is kept."""

    def __init__(self) -> None:
        self._untold: dict[tuple[str, str], Event] = {}
        self._changed = asyncio.Event()
        self.closed = False

    def tell(self, event: Event) -> None:
        name, data = event
        key = (name, str(data.get("request", data.get("id", ""))))
        self._untold.pop(key, None)
        self._untold[key] = event
        self._changed.set()

    def close(self) -> None:
        self.closed = True
        self._changed.set()

    async def changes(self, within: float) -> list[Event]:
        """What is new; nothing if nothing happens `within` so many seconds."""
        try:
            await asyncio.wait_for(self._changed.wait(), within)
        except TimeoutError:
            return []
        self._changed.clear()
        events = list(self._untold.values())
        self._untold.clear()
        return events


@dataclass(slots=True)
class Board:
    """One conversation's answers since the program started, and the pages that show it."""

    answers: OrderedDict[int, Answer] = field(default_factory=OrderedDict)
    """By question."""
    asked: dict[int, Question] = field(default_factory=dict)
    """Questions that are about to be accepted or refused."""
    subscriptions: set[Subscription] = field(default_factory=set)

    @contextmanager
    def subscribed(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self.subscriptions.discard(subscription)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        for subscription in self.subscriptions:
            subscription.tell((name, data))

    def begin(self, request: Request) -> Answer:
        """A new answer takes the place of an earlier one to the same question."""
        if question := self.asked.pop(request.id, None):
            self.tell("question", question.shown())
        answer = Answer(request)
        self.answers[request.id] = answer
        while len(self.answers) > MOST_ANSWERS:
            self.answers.popitem(last=False)
        self.tell("answer", answer.shown())
        return answer

    def forget(self, question_id: int) -> None:
        self.answers.pop(question_id, None)
        self.tell("forgotten", {"id": str(question_id)})

    @property
    def is_idle(self) -> bool:
        running = any(answer.outcome is None for answer in self.answers.values())
        return not (self.subscriptions or self.asked or running)


class Boards:
    """An `Audience`: every conversation in the browser."""

    def __init__(self, store: Store, snowflakes: Snowflakes) -> None:
        self._store = store
        self._snowflakes = snowflakes
        self._boards: OrderedDict[int, Board] = OrderedDict()

    def of(self, place_id: int) -> Board:
        board = self._boards.setdefault(place_id, Board())
        self._boards.move_to_end(place_id)
        if len(self._boards) > MOST_BOARDS:
            idle = next((key for key, one in self._boards.items() if one is not board and one.is_idle), None)
            if idle is not None:
                del self._boards[idle]
        return board

    def serves(self, place: Place) -> bool:
        return place.kind is PlaceKind.WEB

    def view(self, request: Request, words: Words) -> ReplyView:
        return BoardView(request, self.of(request.place.id), self._store, self._snowflakes)

    def close(self) -> None:
        """Lets the open pages go."""
        for board in self._boards.values():
            for subscription in board.subscriptions:
                subscription.close()


class BoardView:
    """A `ReplyView`: one answer on its board."""

    def __init__(self, request: Request, board: Board, store: Store, snowflakes: Snowflakes) -> None:
        self._request = request
        self._board = board
        self._store = store
        self._snowflakes = snowflakes
        self._is_posted = bool(request.answer_ids)
        self._answer = board.begin(request)

    async def waiting(self, place_in_line: int) -> None:
        self._answer.place_in_line = place_in_line
        self._show()

    async def update(self, text: str) -> None:
        await self._post()
        self._answer.state = RequestState.RUNNING
        self._answer.place_in_line = 0
        self._answer.text = text
        self._show()

    async def finish(self, outcome: Outcome) -> None:
        if outcome.state is RequestState.FORGOTTEN:
            self._board.forget(self._request.id)
            return
        if outcome.text:
            await self._post()
        self._answer.state = outcome.state
        self._answer.place_in_line = 0
        self._answer.text = outcome.text
        self._answer.notes = outcome.notes
        self._answer.outcome = outcome
        self._show()

    async def recorded(self) -> None:
        """A conversation in the browser has no threads."""

    async def suspend(self) -> None:
        """The page stays as it is; it is told more when the program is back."""

    async def _post(self) -> None:
        """The answer becomes a message: it gets its id."""
        if not self._is_posted:
            await self._store.add_answer_message(self._request.id, self._snowflakes.next())
            self._is_posted = True

    def _show(self) -> None:
        if self._board.answers.get(self._request.id) is self._answer:
            self._board.tell("answer", self._answer.shown())
