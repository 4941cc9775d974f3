"""`idefics-bot db`: which tables the database has, bringing them up to date, and copying it."""

from __future__ import annotations

from pathlib import Path

from bot.cli.configuration import configuration
from bot.store import migrate
from bot.store.backup import back_up
from bot.store.database import migrated, path_of, prepare


def upgrade(config: Path | None) -> None:
    """Makes the database or applies what is missing, and says where it stands then.

    Raises:
        InputError: the settings cannot be used.
        StoreError: the database cannot be used.
    """
    url = configuration(config).store.url
    prepare(url)
    print(f"{path_of(url)}: revision {migrate.head()}, up to date")


def current(config: Path | None) -> None:
    """Prints the database's revision, and whether this version of the program needs a later one.

    Raises:
        InputError: the settings cannot be used.
        StoreError: the database cannot be used.
    """
    url = configuration(config).store.url
    path = path_of(url)
    revision = migrated(url, migrate.current) if path.exists() else None
    if revision == migrate.head():
        print(f"{path}: revision {revision}, up to date")
    else:
        have = "no tables yet" if revision is None else f"revision {revision}"
        print(f"{path}: {have}; idefics-bot db upgrade brings it to {migrate.head()}")


def backup(target: Path, config: Path | None) -> None:
    """Copies the database, in use or not, into a new file, and says how large it is.

    Raises:
        InputError: the settings cannot be used.
        StoreError: the database cannot be copied.
    """
    size = back_up(configuration(config).store.url, target)
    print(f"{target}: {size / 1e6:.1f} MB, whole")
