"""A chat for the core's tests: people, places, real pictures, and views that keep what they are shown."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from PIL import Image

from bot.conversation.messages import (
    DISCORD_EPOCH_MS,
    Message,
    Origin,
    Person,
    PhotoOffer,
    Place,
    PlaceKind,
    Reference,
    SkippedPhoto,
    StoredPhoto,
)
from bot.conversation.photos import normalise
from bot.conversation.requests import Outcome, Request, RequestState
from bot.conversation.store import Store
from bot.languages.words import Words
from bot.store.repository import SqlStore

ANNA, BEN = Person(1, "Anna"), Person(2, "Ben")
BOT = Person(9, "Bot")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANNEL = Place(100, PlaceKind.CHANNEL, server_id=10)
THREAD = Place(101, PlaceKind.THREAD, server_id=10, parent_id=100)
DIRECT = Place(102, PlaceKind.DIRECT)


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test; what hangs fails."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


def open_store(folder: Path) -> AbstractAsyncContextManager[SqlStore]:
    return SqlStore.open(f"sqlite+aiosqlite:///{folder / 'chat.sqlite3'}")


def drawing(colour: str, size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class Clock:
    """Says what time it is, and posts messages at that time."""

    def __init__(self) -> None:
        self.time = START
        self._posted = 0

    def __call__(self) -> float:
        return (self.time - START).total_seconds()

    def now(self) -> datetime:
        return self.time

    def passes(self, **time: float) -> None:
        self.time += timedelta(**time)

    def new_id(self) -> int:
        self._posted += 1
        return (int(self.time.timestamp() * 1000) - DISCORD_EPOCH_MS << 22) + self._posted

    def message(
        self,
        text: str = "",
        *pictures: str,
        place: Place = DIRECT,
        author: Person = ANNA,
        reply_to: Message | int | None = None,
        **other: Any,
    ) -> Message:
        """A message with pictures by the names of their colours; an id in `reply_to` is the bot's."""
        reference = None
        if isinstance(reply_to, Message):
            reference = Reference(reply_to.id, reply_to.origin is Origin.SELF, reply_to)
        elif reply_to is not None:
            reference = Reference(reply_to, True)
        message = Message(
            self.new_id(),
            place,
            author,
            Origin.PERSON,
            text,
            tuple(PhotoOffer(f"https://photos.example/{name}", f"{name}.png") for name in pictures),
            reply_to=reference,
        )
        return replace(message, **other)


class Pictures:
    """Fetches pictures of a colour; what is named broken is no picture. `gates` hold fetches up."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.fetched: list[str] = []
        self.held = asyncio.Event()
        """A fetch has come to its gate."""

    async def until_fetched(self, times: int) -> None:
        """Returns once this many fetches have begun in all; the last has come to its gate."""
        while len(self.fetched) < times:
            self.held.clear()
            await self.held.wait()

    async def fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        name = offer.url.rpartition("/")[2]
        self.fetched.append(name)
        if name in self.gates:
            self.held.set()
            await self.gates[name].wait()
        return normalise(b"no picture" if name == "broken" else drawing(name), offer.name)


@dataclass
class View:
    """Keeps its calls; posts the bot's message with the first text."""

    store: Store
    request: Request
    clock: Clock
    fail_at: str = ""
    failures: int = 1
    """How many of those calls fail."""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    """Holds every call up."""
    answer_ids: list[int] = field(default_factory=list)
    posted: asyncio.Event = field(default_factory=asyncio.Event)
    recorded_as: RequestState | None = None
    """What the store had when it was told so."""
    busy: bool = False
    overlapped: bool = False
    """A call came while another was under way."""

    async def waiting(self, place_in_line: int) -> None:
        await self._call("waiting", place_in_line)

    async def update(self, text: str) -> None:
        await self._call("update", text)
        await self._post()

    async def finish(self, outcome: Outcome) -> None:
        try:
            await self._call("finish", outcome)
            await self._post()
        finally:
            if not self.failures or self.fail_at != "finish":
                self.finished.set()

    async def recorded(self) -> None:
        assert self.recorded_as is None, "it is told so once"
        request = await self.store.request_of_question(self.request.id)
        self.recorded_as = None if request is None else request.state

    async def suspend(self) -> None:
        await self._call("suspend", None)
        self.finished.set()

    @property
    def outcome(self) -> Outcome:
        name, outcome = self.calls[-1]
        assert name == "finish"
        assert isinstance(outcome, Outcome)
        return outcome

    @property
    def notes(self) -> list[str]:
        return list(self.outcome.notes)

    def named(self, name: str) -> list[Any]:
        return [value for called, value in self.calls if called == name]

    async def _call(self, name: str, value: Any) -> None:
        self.calls.append((name, value))
        self.overlapped |= self.busy
        self.busy = True
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            if name == self.fail_at and self.failures:
                self.failures -= 1
                raise RuntimeError(f"{name} broke")
        finally:
            self.busy = False

    async def _post(self) -> None:
        if not self.answer_ids:
            self.answer_ids = list(self.request.answer_ids) or [self.clock.new_id()]
            await self.store.add_answer_message(self.request.id, self.answer_ids[0])
            self.posted.set()


class Chat:
    """An audience whose views are kept in `views`, the newest of each request by its id."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.views: dict[int, View] = {}
        self.fail_at = ""
        self.failures = 1
        self.gate: asyncio.Event | None = None

    def serves(self, place: Place) -> bool:
        return place.kind is not PlaceKind.WEB

    def view(self, request: Request, words: Words) -> View:
        view = View(self.store, request, self.clock, self.fail_at, self.failures, gate=self.gate)
        self.views[request.id] = view
        return view
