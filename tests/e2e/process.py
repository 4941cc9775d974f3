"""`idefics-bot run` as a process of its own, at a stand-in for Discord."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import DEADLINE_S, end
from tests.standin.standin import StandIn

REPOSITORY = Path(__file__).parents[2]
START_S = DEADLINE_S
"""In which it is connected, or has said why not."""
END_S = 20.0
"""In which the program promises to end."""


def write_settings(folder: Path, discord: StandIn, checkpoint: str, more: str = "", *, port: int = 0) -> Path:
    """A settings file, with the database beside it; `more` is further TOML."""
    file = folder / "idefics-bot.toml"
    lines = [
        f'discord.api_url = "{discord.api_url}"',
        f'model.checkpoint = "{checkpoint}"',
        'model.device = "cpu"',
        f'store.url = "sqlite+aiosqlite:///{folder / "bot.sqlite3"}"',
        f"web.port = {port}",
        more,
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@dataclass
class BotProcess:
    process: asyncio.subprocess.Process
    log: Path

    async def terminate(self) -> tuple[int, float]:
        """Ends it with SIGTERM; its exit status, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), 2 * END_S)
        return status, time.monotonic() - began


@asynccontextmanager
async def started(settings: Path, token: str) -> AsyncIterator[BotProcess]:
    """A bot that writes all it says to its log, which is added to any failure; it is killed if it still runs
    at the end."""
    log = settings.with_suffix(".log")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "run", "--config", str(settings)),
            cwd=REPOSITORY,
            env=os.environ | {"DISCORD_TOKEN": token, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield BotProcess(process, log)
    except BaseException as error:
        error.add_note(log.read_text(encoding="utf-8", errors="replace")[-6000:])
        raise
    finally:
        await end(process)


@asynccontextmanager
async def running(discord: StandIn, settings: Path) -> AsyncIterator[BotProcess]:
    """A bot that is `started` and connected."""
    async with started(settings, discord.token) as bot:
        ended = asyncio.create_task(bot.process.wait())
        ended.add_done_callback(lambda _: discord.changes.announce_soon())
        await discord.wait_for(
            lambda: ended.done() or discord.gateway.connections, "the bot connects", within=START_S
        )
        assert not ended.done(), f"the bot ended by itself with status {bot.process.returncode}"
        yield bot
