from __future__ import annotations

from pathlib import Path

import pytest

from bot.store import bench
from tests.bot.conversation.chats import on_loop


@on_loop
async def test_the_benchmark_fills_a_store_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await bench.measure(tmp_path / "bench.sqlite3", messages=400, repeats=3)
    title, heads, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("400 messages")
    assert heads.split() == ["median", "p99", "per", "s"]
    assert len(rows) == 7
