"""A database that fails while it is used: one sentence, nothing half done, what was there still there."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from bot.store import database
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import (
    CHANNEL,
    DIRECT,
    answered,
    asked,
    history,
    open_store,
    picture,
    said,
    texts,
)

LARGE = picture(bytes(range(256)) * 2000)


@contextmanager
def each_connection_runs(store: SqlStore, pragma: str) -> Iterator[None]:
    """A fault of SQLite's own making, in the connection that writes."""
    engine = store._database._writer.sync_engine

    def run(connection: object, _record: object, _proxy: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "checkout", run)
    yield
    event.remove(engine, "checkout", run)


async def writing_fails(store: SqlStore, cause: str) -> None:
    """Everything that writes says so in a sentence, and has done nothing."""
    for write in (
        store.record_message(said(50), [LARGE], addressed=False),
        store.record_messages([(said(51), []), (said(52), [LARGE])]),
        store.open_request(said(53), [LARGE]),
    ):
        with pytest.raises(StoreError, match=cause) as caught:
            await write
        sentence = str(caught.value)
        assert sentence.startswith("The database ")
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert await texts(store, CHANNEL) == ["Text 10", "A house."]
    assert [await store.message(id) for id in (50, 51, 52, 53)] == [None] * 4
    assert await store.request_of_question(53) is None
    assert await store.photo_data(LARGE.photo.sha256) is None


async def writing_works(store: SqlStore) -> None:
    await asked(store, said(53), LARGE)
    assert await texts(store, CHANNEL) == ["Text 10", "A house.", "Text 53"]


@on_loop
async def test_a_full_disk(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
        with each_connection_runs(store, "max_page_count = 1"):  # no page more than there are
            await writing_fails(store, "the disk is full: make room")
        with each_connection_runs(store, "max_page_count = 100000"):
            await writing_works(store)


@on_loop
async def test_an_error_does_not_tell_what_people_said(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        with each_connection_runs(store, "max_page_count = 10"), pytest.raises(StoreError) as caught:
            await store.record_message(said(1, "word " * 30_000), [], addressed=False)
    logged = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO messages" in logged
    assert "word word" not in logged


@on_loop
async def test_a_file_that_has_become_read_only(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
        with each_connection_runs(store, "query_only = ON"):
            await writing_fails(store, "it may only be read: check the permissions")
        with each_connection_runs(store, "query_only = OFF"):
            await writing_works(store)


@on_loop
async def test_a_file_that_another_process_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    async with open_store(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await writing_fails(store, "another process has locked it")
        await writing_works(store)


@on_loop
async def test_a_lock_that_is_released_is_waited_for(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
        with closing(sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(store.record_message(said(50), [], addressed=False))
            assert await texts(store, CHANNEL) == ["Text 10", "A house."]
            other.execute("ROLLBACK")
            await waiting
        assert await texts(store, CHANNEL) == ["Text 10", "A house.", "Text 50"]


@on_loop
async def test_a_damaged_page(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
        await answered(store, said(20, place=DIRECT), "Fine.", 21)
    with closing(sqlite3.connect(file)) as connection:
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'")
        [(size,)] = connection.execute("PRAGMA page_size")
    with file.open("r+b") as damaged:
        damaged.seek((root - 1) * size)
        damaged.write(b"\xff" * size)
    async with open_store(tmp_path) as store:
        with pytest.raises(StoreError, match="cannot be read: it is damaged: restore a copy"):
            await history(store, CHANNEL)
        with pytest.raises(StoreError, match="cannot be written: it is damaged: restore a copy"):
            await store.open_request(said(53), [LARGE])
        # What stands on other pages can still be used, and nothing was begun.
        assert (await store.outcome(10)) is not None
        assert await store.request_of_question(53) is None
        assert await store.photo_data(LARGE.photo.sha256) is None
