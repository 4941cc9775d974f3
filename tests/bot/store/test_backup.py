from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.conversation.requests import RequestState
from bot.store.backup import back_up
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import CHANNEL, LATEST, answered, open_store, picture, said, texts, url_of


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@on_loop
async def test_a_copy_made_under_load_is_one_moment_and_can_take_the_files_place(tmp_path: Path) -> None:
    file, copy = tmp_path / "store.sqlite3", tmp_path / "copy.sqlite3"
    begun, copied = asyncio.Event(), asyncio.Event()

    async def converse(store: SqlStore) -> None:
        for n in range(10, 100_000, 10):
            if copied.is_set():
                return
            if n == 500:
                begun.set()
            await store.open_request(said(n), [picture(b"%d" % n * 1000)])
            await store.add_answer_message(n, n + 1)

    async with open_store(tmp_path) as store:
        writing = asyncio.create_task(converse(store))
        await begun.wait()
        assert await asyncio.to_thread(back_up, url_of(file), copy) > 0
        assert not writing.done()
        copied.set()
        await writing
        meant = await texts(store, CHANNEL, limit=10_000)
    with closing(sqlite3.connect(copy)) as checked:
        assert checked.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert checked.execute("PRAGMA foreign_key_check").fetchall() == []
    assert copy.stat().st_mode & 0o077 == 0

    assert names_in(tmp_path) == {"store.sqlite3", "copy.sqlite3"}
    copy.replace(file)
    async with open_store(tmp_path) as store:
        kept = await store.history(CHANNEL, LATEST, 10_000)
        assert 49 <= len(kept) <= len(meant)
        assert [message.text for message in kept] == meant[: len(kept)]
        owed = await store.owed_requests()
        assert [request.id for request, _ in owed] == [message.id for message in kept]
        # Of one moment: at most the newest question has no message of an answer yet.
        assert all(request.answer_ids == (request.id + 1,) for request, _ in owed[:-1])
        for message in kept:
            [photo] = message.photos
            assert await store.photo_data(photo.sha256) is not None
        # The bot goes on with it.
        await answered(store, said(LATEST - 10), "Later.", LATEST - 9)
        outcome = await store.outcome(LATEST - 10)
        assert outcome is not None
        assert outcome.state is RequestState.DONE


def test_what_cannot_be_copied_is_one_sentence(tmp_path: Path) -> None:
    url = url_of(tmp_path / "store.sqlite3")
    copy = tmp_path / "copy.sqlite3"
    with pytest.raises(StoreError, match=r"There is no database .*store\.sqlite3 yet"):
        back_up(url, copy)
    (tmp_path / "store.sqlite3").write_bytes(b"Not a database. " * 100)
    with pytest.raises(StoreError, match=r"cannot be copied: it is not an SQLite database"):
        back_up(url, copy)
    with pytest.raises(StoreError, match=r"make the folder .*none first"):
        back_up(url, tmp_path / "none" / "copy.sqlite3")
    copy.write_text("An earlier one.")
    with pytest.raises(StoreError, match=r"There is a file .*copy\.sqlite3 already: name another one\."):
        back_up(url, copy)
    assert copy.read_text() == "An earlier one."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3", "store.sqlite3"]


@on_loop
async def test_a_damaged_database_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "A house.", 11)
    with closing(sqlite3.connect(file)) as connection:
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'")
        [(size,)] = connection.execute("PRAGMA page_size")
    with file.open("r+b") as damaged:
        damaged.seek((root - 1) * size)
        damaged.write(b"\xff" * size)
    with pytest.raises(StoreError, match=r"is damaged .*: restore an earlier copy"):
        back_up(url_of(file), tmp_path / "copy.sqlite3")
    assert names_in(tmp_path) == {"store.sqlite3"}
