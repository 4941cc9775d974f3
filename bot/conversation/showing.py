"""Showing an answer while it grows, at the pace of whoever shows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from bot.conversation.ports import ReplyView
from bot.conversation.requests import Outcome

log = logging.getLogger(__name__)

_SUSPEND_SECONDS = 2.0
"""That a call under way is given when the program ends."""


class Showing:
    """Hands a view the latest there is, one call at a time; only `finish` and `suspend` are waited for.

    It has a task only while a call is under way.
    """

    def __init__(self, view: ReplyView) -> None:
        self._view = view
        self._next: Callable[[], Awaitable[None]] | None = None
        self._calls: asyncio.Task[None] | None = None
        self._place: int | None = None
        self._broken = False
        self._over = False

    def waiting(self, place_in_line: int) -> None:
        """The request waits at this place; 1 is next."""
        if place_in_line != self._place:
            self._place = place_in_line
            self._show(partial(self._view.waiting, place_in_line))

    def update(self, text: str) -> None:
        """All of the answer so far."""
        self._show(partial(self._view.update, text))

    async def finish(self, outcome: Outcome) -> bool:
        """Whether the final text is shown; if not, an exception was logged, and it may be tried again."""
        self._next = None
        if self._calls is not None:
            await asyncio.wait({self._calls})
        return await self._end(partial(self._view.finish, outcome))

    async def recorded(self) -> None:
        """What was finished is in the history; an exception of the view is logged."""
        await self._end(self._view.recorded)

    async def suspend(self) -> None:
        """The answer is left as it is shown; nothing happens if its end was already being shown."""
        self._next = None
        if self._calls is not None:
            await asyncio.wait({self._calls}, timeout=_SUSPEND_SECONDS)
        if self._calls is not None:
            self._calls.cancel()
            await asyncio.wait({self._calls})
        if not self._over:
            await self._end(self._view.suspend)

    def _show(self, call: Callable[[], Awaitable[None]]) -> None:
        if self._broken or self._over:
            return
        self._next = call
        if self._calls is None:
            self._calls = asyncio.create_task(self._make_calls())

    async def _make_calls(self) -> None:
        try:
            while self._next is not None:
                call, self._next = self._next, None
                await call()
        except Exception:
            log.exception("A reply could not be shown as it grows; its end will be tried.")
            self._broken = True
        finally:
            self._calls = None

    async def _end(self, call: Callable[[], Awaitable[None]]) -> bool:
        self._over = True
        try:
            await call()
        except Exception:
            log.exception("The end of a reply could not be shown.")
            return False
        return True
