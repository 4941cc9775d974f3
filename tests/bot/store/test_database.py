from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from bot.store import database
from bot.store.database import prepare
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from bot.store.tables import MessageRow, PersonRow
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import (
    CHANNEL,
    DIRECT,
    answered,
    history,
    open_store,
    picture,
    said,
    texts,
    url_of,
)


async def opening_fails_with(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        async with SqlStore.open(url):
            pass
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///store.sqlite3",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite:///file:store?mode=memory&uri=true",
        "postgresql+asyncpg://me:secret@host/bot",
        "store.sqlite3",
        "",
    ],
)
@on_loop
async def test_a_url_that_names_no_file(url: str) -> None:
    sentence = await opening_fails_with(url)
    assert sentence == "store.url must name a file, such as sqlite+aiosqlite:///idefics-bot.sqlite3."


@on_loop
async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert f"make the folder {folder} first" in await opening_fails_with(url_of(folder / "store.sqlite3"))
    assert not folder.exists()
    assert "it is a folder" in await opening_fails_with(url_of(tmp_path))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a folder in which root cannot write")
@on_loop
async def test_a_folder_that_may_only_be_read() -> None:
    assert "check the permissions" in await opening_fails_with("sqlite+aiosqlite:////proc/store.sqlite3")


def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    url = url_of(tmp_path / "store.sqlite3")
    prepare(url)
    (tmp_path / "store.sqlite3").chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert "check the permissions" in asyncio.run(opening_fails_with(url))
    finally:
        tmp_path.chmod(0o700)


@on_loop
async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Not a database. " * 100)
    assert "it is not an SQLite database" in await opening_fails_with(url_of(file))
    assert file.read_text() == "Not a database. " * 100


@on_loop
async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite3"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE notes (text)")
    other.close()
    before = file.read_bytes()
    assert "it holds another program's tables" in await opening_fails_with(url_of(file))
    assert file.read_bytes() == before


@on_loop
async def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "store.sqlite3") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    sentence = await opening_fails_with(url_of(tmp_path / "store.sqlite3"))
    assert "it was made by a newer version of idefics-bot" in sentence


@on_loop
async def test_a_database_that_another_process_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    async with open_store(tmp_path):
        pass
    other = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "another process has locked it" in await opening_fails_with(url_of(tmp_path / "store.sqlite3"))
    other.close()


@on_loop
async def test_how_the_connections_are_set_up(tmp_path: Path) -> None:
    async with database.opened(url_of(tmp_path / "store.sqlite3")) as opened:
        writing, reading = opened.writing(), opened.reading()
        async with writing as writer, reading as reader:
            for connection in (writer, reader):
                found = {
                    name: await connection.scalar(text(f"PRAGMA {name}"))
                    for name in ("journal_mode", "foreign_keys", "busy_timeout", "secure_delete")
                }
                assert found == {
                    "journal_mode": "wal",
                    "foreign_keys": 1,
                    "busy_timeout": 30_000,
                    "secure_delete": 1,
                }


def modes_in(folder: Path) -> list[int]:
    return [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere files have other rights")
@on_loop
async def test_nobody_else_can_read_what_people_said(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with open_store(tmp_path) as store:
            await store.record_message(said(1), [], addressed=False)
            modes = modes_in(tmp_path)
    finally:
        os.umask(before)
    assert modes == [0o600] * 3


@on_loop
async def test_rows_refer_to_what_is_there(tmp_path: Path) -> None:
    orphan = {"id": 1, "place_id": 2, "author_id": 3, "origin": "person", "text": "Hi"}
    flags = {"addressed": True, "mentions_bot": True, "replies_to_bot": False}
    async with database.opened(url_of(tmp_path / "store.sqlite3")) as opened, opened.writing() as writer:
        with pytest.raises(IntegrityError):
            await writer.execute(insert(MessageRow).values(**orphan, **flags))


@on_loop
async def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with database.opened(url_of(tmp_path / "store.sqlite3")) as opened:
        with suppress(ZeroDivisionError):
            async with opened.writing() as writer:
                await writer.execute(insert(PersonRow).values(id=1, name="Anna"))
                raise ZeroDivisionError
        async with opened.reading() as reader:
            assert (await reader.execute(select(PersonRow.id))).all() == []


@on_loop
async def test_many_write_and_read_at_once(tmp_path: Path) -> None:
    photo = picture(b"everybody's")

    async def converse(store: SqlStore, first: int) -> None:
        await store.record_message(said(first), [photo], addressed=False)
        await answered(store, said(first + 1, place=DIRECT), f"Answer {first}", first + 2)
        await history(store, CHANNEL)

    async with open_store(tmp_path) as one, open_store(tmp_path) as other:
        await asyncio.gather(*(converse((one, other)[n % 2], 100 * n + 100) for n in range(30)))
        assert await texts(one, CHANNEL) == [f"Text {100 * n + 100}" for n in range(30)]
        assert len(await texts(other, DIRECT, limit=100)) == 60
        for n in range(30):
            await one.forget_message(100 * n + 100)
        assert await other.photo_data(photo.photo.sha256) is None


@on_loop
async def test_a_writer_that_is_cancelled_holds_nobody_up(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for steps in range(1, 40):
            task = asyncio.create_task(
                store.record_message(said(steps), [picture(b"%d" % steps)], addressed=True)
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.record_message(said(100), [], addressed=True)
        kept = await history(store, CHANNEL)
        assert kept[-1].id == 100
        assert all(len(message.photos) == 1 for message in kept[:-1])


@on_loop
async def test_what_is_under_way_ends_before_the_file_is_closed(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def use(store: SqlStore) -> None:
        async with store._database.reading() as connection:
            begun.set()
            await go_on.wait()
            await connection.execute(select(MessageRow.id))

    async with open_store(tmp_path) as store:
        using = asyncio.create_task(use(store))
        await begun.wait()
        closing = asyncio.create_task(store._database.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="cannot be written: the program is ending"):
            await store.mark_seen(CHANNEL.id, 1)
        assert not closing.done()
        go_on.set()
        await closing
        await using


@on_loop
async def test_a_path_of_any_characters(tmp_path: Path) -> None:
    file = tmp_path / "الصور 100%.sqlite3"
    async with SqlStore.open(url_of(file)) as store:
        await store.record_message(said(1, "مرحبا 🏠\x00"), [], addressed=True)
        assert await texts(store, CHANNEL) == ["مرحبا 🏠\x00"]
    assert file.exists()
