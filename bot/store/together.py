"""What is written at the same time shares a transaction: most of what a small one takes are its bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bot.store.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100
"""Of one transaction: others want to write too."""


class Together(Generic[Item, Result]):
    """Hands over what came while something was being written at once; each caller waits for its own.

    `write` writes all of the items, or none of them, in one transaction; it returns a result for each.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Returns once it is written; whoever is cancelled before that has perhaps written it."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="write together")
        return await result

    async def _work(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                await self._write_all([each for each in some if not each[1].done()])
        finally:
            self._task = None
            for _, result in self._waiting:
                result.cancel()
            self._waiting.clear()

    async def _write_all(self, some: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not some:
            return
        try:
            results = await self._write([item for item, _ in some])
        except asyncio.CancelledError:
            for _, result in some:
                result.cancel()
            raise
        except Exception as error:
            if len(some) > 1 and not isinstance(error, StoreError):
                # One of them is to blame: the others are written.
                for each in some:
                    await self._write_all([each])
                return
            for _, result in some:
                if not result.done():
                    result.set_exception(error)
            return
        for (_, result), written in zip(some, results, strict=True):
            if not result.done():
                result.set_result(written)
