"""The core's `Store` on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.conversation.store import Store
from bot.store import probing
from bot.store.announced import SqlAnnounced
from bot.store.answers import SqlAnswers
from bot.store.database import Database, opened
from bot.store.examples import SqlExamples
from bot.store.messages import SqlMessages
from bot.store.personal import SqlPersonal
from bot.store.places import SqlPlaces
from bot.store.requests import SqlRequests
from bot.store.together import Together


class SqlStore(
    SqlMessages, SqlRequests, SqlPlaces, SqlExamples, SqlAnswers, SqlAnnounced, SqlPersonal, Store
):
    """What is remembered; see `Store` for the methods that have no word here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recording = Together(self._record)
        self._opening = Together(self._open)
        self._starting = Together(self._start)
        self._answering = Together(self._answer)
        self._finishing = Together(self._finish)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[SqlStore]:
        """The store in the file that `url` names (sqlite+aiosqlite:///FILE), made or upgraded if need be.

        Raises:
            StoreError: it cannot be opened.
        """
        async with opened(url) as database:
            yield SqlStore(database)

    async def is_writable(self) -> bool:
        """Something can be recorded now."""
        return await asyncio.to_thread(probing.is_writable, self._database.path)
