"""Opens the SQLite file: one connection that writes, a few that read meanwhile."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bot.store import migrate
from bot.store.driver import connect
from bot.store.errors import StoreError
from bot.store.faults import explained

T = TypeVar("T")

DRIVER = "sqlite+aiosqlite"
BUSY_SECONDS = 30
"""How long a statement waits for another process that writes."""
READERS = 4
PRAGMAS = (
    "foreign_keys = ON",
    # What is deleted is overwritten, so that it cannot be read from the file.
    "secure_delete = ON",
    # A commit survives the end of the process; that of the power may take the newest ones.
    "synchronous = NORMAL",
)
_DISCREET = {"hide_parameters": True}
"""Errors, which are logged, do not tell what was to be written: that is what people say."""
_EMPTYING_TRIES = 3
"""Each waits for readers and writers as long as a statement does."""


class Database:
    """Hands out connections to a file that `prepare` has seen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        url = URL.create(DRIVER, database=str(path))
        creator = partial(connect, path, PRAGMAS, timeout_s=BUSY_SECONDS)
        # With a single connection, writers of this process queue here instead of polling SQLite's lock.
        self._writer = create_async_engine(url, async_creator=creator, **_pool(1))
        _begin_with(self._writer.sync_engine, "BEGIN IMMEDIATE")
        # Each step of a transaction waits for the connection's thread; a statement by itself needs none.
        alone = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
        self._readers = create_async_engine(url, async_creator=creator, **_pool(READERS), **alone)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._closed = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection of which every statement sees the newest state.

        Raises:
            StoreError: the file cannot be used.
        """
        with explained(self.path, "cannot be read"), self._in_use():
            async with self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """The connection that writes; the block is one transaction, of which nothing is kept if it fails.

        Raises:
            StoreError: the file cannot be used.
        """
        with explained(self.path, "cannot be written"), self._in_use():
            async with self._writer.begin() as connection:
                yield connection

    async def empty_log(self) -> None:
        """What was written or deleted so far is in the file itself, and its write-ahead log is empty.

        Raises:
            StoreError: the file cannot be used, or somebody reads an old state of it.
        """
        async with self.reading() as connection:
            for _ in range(_EMPTYING_TRIES):
                result = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                if not result.one()[0]:
                    return
        raise StoreError(f"The log of the database {self.path} cannot be emptied: another process reads it.")

    async def close(self) -> None:
        """Lets what is under way end; from then on the database cannot be used."""
        self._closed = True
        # A connection that came back later would stay open.
        await self._unused.wait()
        await self._readers.dispose()
        await self._writer.dispose()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        if self._closed:
            raise StoreError("the program is ending.")
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._unused.set()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database at `url`, made or upgraded if need be; leaving the block closes it.

    Raises:
        StoreError: it cannot be opened.
    """
    await asyncio.to_thread(prepare, url)
    database = Database(path_of(url))
    try:
        yield database
    finally:
        await database.close()


def prepare(url: str) -> None:
    """Makes the database or upgrades it, and lets readers go on while one writes, which the file remembers.

    Raises:
        StoreError: it cannot be opened.
    """
    _make(path_of(url))
    migrated(url, migrate.upgrade)
    with _at_once(path_of(url)) as engine, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _make(path: Path) -> None:
    """An empty file, as it will hold what people say for its owner alone; SQLite's others follow it."""
    with suppress(OSError):  # it is there, or SQLite says why it cannot be
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def migrated(url: str, work: Callable[[Connection], T]) -> T:
    """What `work`, of `bot.store.migrate`, returns; it is one transaction.

    Raises:
        StoreError: the database cannot be opened, or `work` cannot use it.
    """
    path = path_of(url)
    with (
        _at_once(path, begin="BEGIN IMMEDIATE", foreign_keys=False) as engine,
        engine.begin() as connection,
    ):
        return work(connection)


def path_of(url: str) -> Path:
    """The file that a URL in SQLAlchemy's form names, in a folder that exists.

    Raises:
        StoreError: the URL does not name such a file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("")
    if parsed.drivername != DRIVER or parsed.database in (None, "", ":memory:") or parsed.query:
        raise StoreError("store.url must name a file, such as sqlite+aiosqlite:///idefics-bot.sqlite3.")
    path = Path(str(parsed.database))
    if not path.parent.is_dir():
        raise StoreError(f"The database {path} cannot be opened: make the folder {path.parent} first.")
    if path.is_dir():
        raise StoreError(f"The database {path} cannot be opened: it is a folder, so name a file in it.")
    return path


@contextmanager
def _at_once(path: Path, *, begin: str | None = None, foreign_keys: bool = True) -> Iterator[Engine]:
    """An engine that works in the calling thread; its errors are explained."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # The driver's own transactions begin too late to cover reads and table changes, so ours are explicit.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        poolclass=NullPool,
        **_DISCREET,
    )
    pragmas = PRAGMAS if foreign_keys else [*PRAGMAS, "foreign_keys = OFF"]

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    if begin is not None:
        _begin_with(engine, begin)
    with explained(path, "cannot be opened"):
        yield engine


def _pool(size: int) -> dict[str, int]:
    return {"pool_size": size, "max_overflow": 0, "pool_timeout": 20 * BUSY_SECONDS, **_DISCREET}


def _begin_with(engine: Engine, begin: str) -> None:
    """How its transactions begin."""

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
