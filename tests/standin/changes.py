"""Waiting for something to become true, without sleeping and without missing it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


class Changes:
    """Everything that happens on the stand-in is announced here; whoever waits looks again."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._announcing: set[asyncio.Task[None]] = set()

    async def announce(self) -> None:
        async with self._condition:
            self._condition.notify_all()

    def announce_soon(self) -> None:
        """For those who cannot wait."""
        task = asyncio.create_task(self.announce())
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def until(self, look: Callable[[], Found], within: float, account: Callable[[], str]) -> Found:
        """The first true value of `look`; AssertionError with `account()` after `within` seconds."""
        try:
            async with asyncio.timeout(within), self._condition:
                return await self._condition.wait_for(look)
        except TimeoutError:
            raise AssertionError(account()) from None
