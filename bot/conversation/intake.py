"""Messages on their way in: one after the other in each place, and their pictures fetched at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from bot.conversation.budget import MAX_PICTURES
from bot.conversation.messages import Message, PhotoOffer, SkippedPhoto, StoredPhoto
from bot.conversation.ports import PhotoFetcher

_AT_A_TIME = 8
"""Earlier messages whose pictures are fetched at the same time."""


@dataclass(eq=False, slots=True)
class Reception:
    """One message on its way in."""

    message: Message
    in_turn: bool
    """It is taken in by itself, not along with another."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    deleted: bool = False
    """It was deleted meanwhile: nothing of it must be kept."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The pictures of a message."""

    photos: tuple[StoredPhoto, ...] = ()
    skipped: tuple[SkippedPhoto, ...] = ()
    left_out: int = 0
    """How many were not looked at, being more than a message may have."""

    def __add__(self, other: Fetched) -> Fetched:
        return Fetched(
            self.photos + other.photos, self.skipped + other.skipped, self.left_out + other.left_out
        )


class Intake:
    """Knows what is being taken in, and fetches pictures."""

    def __init__(self, fetcher: PhotoFetcher) -> None:
        self._fetcher = fetcher
        self._receptions: dict[int, list[Reception]] = {}
        # In order: a question that follows a picture must not overtake it.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._few = asyncio.Semaphore(_AT_A_TIME)

    def has(self, message_id: int) -> bool:
        """The message is being taken in."""
        return any(reception.in_turn for reception in self._receptions.get(message_id, ()))

    @asynccontextmanager
    async def of(self, message: Message) -> AsyncIterator[Reception]:
        """For as long as the message is taken in; begins when those before it in its place are done."""
        turn = self._turns.setdefault(message.place.id, asyncio.Lock())
        with self._registered(message, in_turn=True) as reception:
            async with turn:
                yield reception

    @contextmanager
    def along(self, messages: Sequence[Message]) -> Iterator[list[Reception]]:
        """For as long as messages are taken in along with another one of their place, in its turn."""
        with ExitStack() as stack:
            yield [stack.enter_context(self._registered(one, in_turn=False)) for one in messages]

    @contextmanager
    def _registered(self, message: Message, *, in_turn: bool) -> Iterator[Reception]:
        reception = Reception(message, in_turn)
        self._receptions.setdefault(message.id, []).append(reception)
        try:
            yield reception
        finally:
            self._receptions[message.id].remove(reception)
            if not self._receptions[message.id]:
                del self._receptions[message.id]
            reception.over.set()

    async def delete(self, is_deleted: Callable[[Message], bool]) -> None:
        """These messages were deleted; returns when they are no longer being taken in."""
        every = (reception for each in self._receptions.values() for reception in each)
        receptions = [reception for reception in every if is_deleted(reception.message)]
        for reception in receptions:
            reception.deleted = True
        for reception in receptions:
            await reception.over.wait()

    async def drain(self, grace: float) -> None:
        """Waits up to `grace` seconds for what is being taken in."""
        over = [reception.over.wait() for each in self._receptions.values() for reception in each]
        if over:
            waits = [asyncio.ensure_future(each) for each in over]
            _, late = await asyncio.wait(waits, timeout=grace)
            for wait in late:
                wait.cancel()

    async def fetch(self, offers: Sequence[PhotoOffer]) -> Fetched:
        """All at once; the pictures are in the order of their offers."""
        results = await asyncio.gather(*(self._fetcher.fetch(offer) for offer in offers[:MAX_PICTURES]))
        return Fetched(
            tuple(result for result in results if isinstance(result, StoredPhoto)),
            tuple(result for result in results if isinstance(result, SkippedPhoto)),
            max(0, len(offers) - MAX_PICTURES),
        )

    async def fetch_each(self, messages: Sequence[Message]) -> list[Fetched]:
        """The pictures of each; few messages at a time, as there may be many and others ask meanwhile."""

        async def fetch(message: Message) -> Fetched:
            async with self._few:
                return await self.fetch(message.offers)

        return await asyncio.gather(*(fetch(message) for message in messages))
