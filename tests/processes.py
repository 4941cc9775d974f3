"""Programs that tests start: each has its time, is gone when its test ends, and what it said is told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

DEADLINE_S = 90.0
"""For importing torch and loading a small model, on a machine that has other things to do.

Less than pytest gives a test, see pyproject.toml.
"""


def run_to_end(
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    stdout: int = subprocess.PIPE,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: float = DEADLINE_S,
) -> subprocess.CompletedProcess[bytes]:
    """What came of a program that ran in `folder`.

    Raises:
        AssertionError: it has not ended after `within` seconds; what it said is told.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        stdin=pipe,
        stdout=stdout,
        stderr=pipe,
        cwd=folder,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, within)
        except BaseException as error:
            # The group: a shell's programs go with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            said = [part.decode(errors="replace") for part in (error.stdout, error.stderr) if part]
            raise AssertionError("\n".join([f"not ended within {within:g} s: {command}", *said])) from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@asynccontextmanager
async def running(*command: str, within: float = DEADLINE_S) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program, and `within` seconds for all that is done with it.

    What it said and nobody read is added to a failure.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(within):
            yield process
    except BaseException as error:
        await end(process)
        if process.stdout is not None:
            error.add_note((await process.stdout.read()).decode(errors="replace"))
        raise
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kills it if it still runs."""
    if process.returncode is None:
        process.kill()
    await process.wait()
