from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import sqlite as dialect

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import Photo
from bot.conversation.requests import RequestState
from bot.store import migrate
from bot.store.database import migrated, opened
from bot.store.history import NEWEST, OPENING, PICTURED
from bot.store.tables import Base
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import CHANNEL, answered, open_store, said, texts, thread_of, url_of

FIRST_REVISION = Path(__file__).parent / "first_revision.sql"


def differences(connection: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_the_revisions_lead_to_the_models_and_back(tmp_path: Path) -> None:
    url = url_of(tmp_path / "store.sqlite3")
    assert migrated(url, migrate.current) is None
    for _ in range(2):
        migrated(url, migrate.upgrade)
        assert migrated(url, migrate.current) == migrate.head()
        assert migrated(url, differences) == []
    migrated(url, partial(migrate.downgrade, revision="base"))
    names = migrated(url, lambda connection: inspect(connection).get_table_names())
    assert names == ["alembic_version"]
    migrated(url, migrate.upgrade)
    assert migrated(url, differences) == []


@on_loop
async def test_a_database_of_the_first_revision(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store.sqlite3") as first:
        first.executescript(FIRST_REVISION.read_text())
    first.close()
    async with open_store(tmp_path) as store:
        question = said(10)
        assert await texts(store, CHANNEL) == ["What is this?", "A house.", "And this?"]
        assert await texts(store, thread_of(question)) == ["What is this?", "A house.", "Which colour?"]
        [kept, answer, *_] = await store.history(CHANNEL, 1000, 10)
        assert kept.photos == (Photo("ab" * 32, 30, 20),)
        assert await store.photo_data("ab" * 32) == b"red"
        assert (answer.id, answer.token_ids) == (11, (5, 6))
        assert [request.state for request, _ in await store.owed_requests()] == [RequestState.WAITING]
        assert await store.settings(CHANNEL) == [ChannelSettings(), ChannelSettings(mode=Mode.VQA)]


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(tmp_path / "store.sqlite3")
    monkeypatch.setattr(migrate, "_check_foreign_keys", lambda connection: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrated(url, migrate.upgrade)
    monkeypatch.undo()
    assert migrated(url, lambda connection: inspect(connection).get_table_names()) == []


@on_loop
async def test_an_upgrade_that_loses_what_rows_refer_to_is_not_kept(tmp_path: Path) -> None:
    url = url_of(tmp_path / "store.sqlite3")
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "Yes.", 11)

    def lose(connection: Connection) -> None:
        connection.exec_driver_sql("DELETE FROM channels")
        migrate._check_foreign_keys(connection)

    with pytest.raises(RuntimeError, match="rows refer to what is not there"):
        migrated(url, lose)
    async with open_store(tmp_path) as store:
        assert await texts(store, CHANNEL) == ["Text 10", "Yes."]


@pytest.mark.parametrize("query", [NEWEST, PICTURED, OPENING])
@on_loop
async def test_a_history_is_read_by_indexes(tmp_path: Path, query: Any) -> None:
    values = {"place": CHANNEL.id, "before": 10**6, "limit": 50, "within": 1000}
    statement = query.params(values).compile(
        dialect=dialect.dialect(), compile_kwargs={"literal_binds": True}
    )
    async with opened(url_of(tmp_path / "store.sqlite3")) as database, database.reading() as reader:
        plan = [row.detail for row in await reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step]
    if query is NEWEST:
        assert plan[0].startswith("SEARCH messages USING INDEX ix_messages_place_id_id (place_id=? AND id")
