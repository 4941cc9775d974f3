"""Whether the database can be written to, as somebody who comes anew finds it."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.store.errors import StoreError
from bot.store.faults import explained

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0


def is_writable(path: Path) -> bool:
    """Writes a row as it is; what is in the way is logged. Waits for others up to `TIMEOUT_S`."""
    try:
        with (
            explained(path, "cannot be written"),
            closing(
                sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=TIMEOUT_S, isolation_level=None
                )
            ) as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE alembic_version SET version_num = version_num")
            connection.execute("COMMIT")
    except (StoreError, sqlite3.Error) as error:
        log.warning("%s", error)
        return False
    return True
