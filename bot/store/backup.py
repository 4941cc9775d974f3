"""A copy of the database, made while the bot goes on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.store.database import BUSY_SECONDS, path_of
from bot.store.errors import StoreError
from bot.store.faults import explained


def back_up(url: str, target: Path) -> int:
    """Copies the database at `url` into a new file, as it is at one moment; returns the copy's bytes.

    Others read and write meanwhile. The copy may be read by its owner alone, and appears only when it is
    whole and was checked.

    Raises:
        StoreError: there is no database, the file is there already, or one of them cannot be used.
    """
    source = path_of(url)
    if not source.exists():
        raise StoreError(f"There is no database {source} yet, so there is nothing to copy.")
    if target.exists():
        raise StoreError(f"There is a file {target} already: name another one.")
    if not target.parent.is_dir():
        raise StoreError(f"The copy {target} cannot be made: make the folder {target.parent} first.")
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        # It holds what people said.
        os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        _copy(source, unfinished)
        os.replace(unfinished, target)
    except OSError as error:
        reason = (error.strerror or "it does not work").lower()
        raise StoreError(f"The copy {target} cannot be written: {reason}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> None:
    # Opened as it is, so that a file taken away meanwhile is not made anew.
    address = f"{source.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(target)) as copy:
        with (
            explained(source, "cannot be copied"),
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as original,
        ):
            # All pages in one step: in several, each write of others would start it over.
            original.backup(copy, pages=-1)
        with explained(target, "cannot be written"):
            [(verdict,)] = copy.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        found = verdict.splitlines()[-1]
        raise StoreError(f"The database {source} is damaged ({found}): restore an earlier copy.")
    with target.open("rb") as file:
        os.fsync(file.fileno())
