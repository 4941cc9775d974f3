from __future__ import annotations

import asyncio
from pathlib import Path

from bot.bench import measure


def test_everything_is_measured(tmp_path: Path) -> None:
    found = asyncio.run(measure(tmp_path / "bench.sqlite3", 0.02))
    assert len(found) == 7
    assert all(found[name] > 0 for name in found if name.endswith("per second"))
