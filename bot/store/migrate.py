"""Brings a database to the tables of this version, or to those of an earlier one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from bot.store.errors import StoreError


def head() -> str:
    """The revision that this version of the program works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def current(connection: Connection) -> str | None:
    """The database's revision, None if there are no tables yet.

    Raises:
        StoreError: the tables are a newer version's or another program's.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        if set(inspect(connection).get_table_names()) - {"alembic_version"}:
            raise StoreError("it holds another program's tables: name another file in store.url.")
    elif revision not in {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}:
        raise StoreError("it was made by a newer version of idefics-bot: update, or name another file.")
    return revision


def upgrade(connection: Connection) -> None:
    """Applies the revisions that are missing; what is there already is left alone.

    The connection is in a transaction and does not enforce foreign keys: SQLite changes a table by
    copying it, and dropping the old one would take along every row that refers to it.

    Raises:
        StoreError: as in `current`.
    """
    if current(connection) != head():
        command.upgrade(_config(connection), "head")
        _check_foreign_keys(connection)


def downgrade(connection: Connection, revision: str) -> None:
    """Takes back the revisions after `revision`, `base` for all; the connection is as for `upgrade`."""
    command.downgrade(_config(connection), revision)
    _check_foreign_keys(connection)


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"After the migration, rows refer to what is not there: {broken[:10]}")


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_revisions()).replace("%", "%%"))
    return config


def _revisions() -> Path:
    """In a wheel they lie in this folder (see pyproject.toml), in a clone at its root."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "migrations"
