from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.bot.conversation.chats import Clock, open_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with nothing in it: making its tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")

    async def make() -> None:
        async with open_store(folder):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(_empty_database: Path, tmp_path: Path) -> Path:
    """A folder with a store of its own."""
    return shutil.copytree(_empty_database, tmp_path / "store")
