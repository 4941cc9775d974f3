"""What SQLite reports about the file as a whole, as sentences for whoever runs the bot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.store.errors import StoreError

_CAUSES = {
    "SQLITE_BUSY": "another process has locked it: stop that one, or name another file",
    "SQLITE_CANTOPEN": "its folder or the file itself may not be used: check the permissions",
    "SQLITE_CORRUPT": "it is damaged: restore a copy, or move it away to start afresh",
    "SQLITE_FULL": "the disk is full: make room",
    "SQLITE_IOERR": "the disk does not do what it should: check it and its free space",
    "SQLITE_NOTADB": "it is not an SQLite database: name another file",
    "SQLITE_READONLY": "it may only be read: check the permissions of the file and its folder",
}


@contextmanager
def explained(path: Path, failure: str) -> Iterator[None]:
    """Turns such an error into a StoreError: the database at `path` "cannot be opened", or as `failure` says.

    A StoreError that only says why becomes such a sentence too. Other errors, of a statement or of a row, are
    left as they are.
    """
    try:
        yield
    except StoreError as error:
        raise StoreError(f"The database {path} {failure}: {error}") from error
    except (DBAPIError, sqlite3.Error) as error:
        reported = error.orig if isinstance(error, DBAPIError) else error
        name = getattr(reported, "sqlite_errorname", "")
        cause = next((text for code, text in _CAUSES.items() if name.startswith(code)), None)
        if cause is None:
            raise
        raise StoreError(f"The database {path} {failure}: {cause}.") from error
