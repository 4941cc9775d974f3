"""How SQLAlchemy reaches SQLite: a thread for each connection, which is asked once for each statement.

aiosqlite asks it four times, to make a cursor, execute, fetch and close, and each time the event loop and the
thread have to take turns.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import aiosqlite

_ITERATED_AT_ONCE = 64


class Cursor:
    """A statement with all of its rows; what SQLAlchemy needs of aiosqlite's cursor."""

    arraysize = 1
    description: Any = None
    rowcount = -1
    lastrowid: int | None = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        return await self._ask(sql, parameters, many=False)

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        return await self._ask(sql, parameters, many=True)

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """It is closed since its rows were fetched."""

    async def _ask(self, sql: str, parameters: Any, *, many: bool) -> Self:
        def work() -> None:
            cursor = self._connection._conn.cursor()
            try:
                (cursor.executemany if many else cursor.execute)(sql, parameters)
                self.description = cursor.description
                self._rows = cursor.fetchall() if cursor.description else []
                # A statement that returns rows has changed all of them only now.
                self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        await self._connection._execute(work)  # type: ignore[no-untyped-call]
        return self


class Connection(aiosqlite.Connection):
    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)


async def connect(path: Path, pragmas: Sequence[str], *, timeout_s: float) -> Connection:
    """A connection without transactions of the driver's own making, for which the pragmas hold.

    Raises:
        sqlite3.Error: the file cannot be used.
    """

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    async def opened() -> Connection:
        connection = Connection(open_file, _ITERATED_AT_ONCE)
        # A program that ends without closing it must not hang.
        connection._thread.daemon = True
        await connection
        return connection

    opening = asyncio.ensure_future(opened())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # It cannot be interrupted, and nobody else would close it.
        await (await opening).close()
        raise
