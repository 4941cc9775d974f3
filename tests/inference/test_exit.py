"""A program that has closed its engine ends like any other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.inference.checkpoints import write_checkpoint
from tests.processes import run_to_end

PROGRAM = """
import asyncio, sys
from inference import Options, load_engine

async def main():
    async with load_engine(sys.argv[1]) as engine:
        await engine.generate(["User: hello"], Options(max_new_tokens=3))

asyncio.run(main())
"""


def test_a_process_ends_with_status_0_after_its_engine(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "checkpoint")]
    done = run_to_end(command, environment=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr.decode()
