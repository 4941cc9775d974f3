"""`idefics-bot doctor` at a stand-in for Discord, with a checkpoint that is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.cli.doctor import doctor
from bot.store.database import prepare
from tests.standin.standin import StandIn


@contextmanager
def standing_in(*, message_content: bool = True) -> Iterator[StandIn]:
    """A stand-in on a thread of its own, as the command has its own event loop."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    standin = StandIn(message_content=message_content)
    ended = asyncio.Event()

    async def main() -> None:
        async with standin:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield standin
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
        loop.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def write(api_url: str, token: str, checkpoint: str) -> Path:
        monkeypatch.setenv("DISCORD_TOKEN", token)
        file = tmp_path / "bot.toml"
        lines = [
            f'discord.api_url = "{api_url}"',
            f'model.checkpoint = "{checkpoint}"',
            'model.device = "cpu"',
            f'store.url = "sqlite+aiosqlite:///{tmp_path / "bot.sqlite3"}"',
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    return write


def test_each_check_has_its_line_and_a_failure_its_status(
    settings: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    prepare(f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite3'}")
    with standing_in() as standin:
        assert doctor(settings(standin.api_url, standin.token, str(tmp_path / "empty"))) == 1
    discord, intents, database, model = capsys.readouterr().out.splitlines()
    assert discord.startswith("ok    Discord: logged in as ")
    assert "discord.com/oauth2/authorize?client_id=" in discord
    assert intents == "ok    Intents: the message content intent is switched on."
    assert database.startswith("ok    Database: ")
    assert "up to date" in database
    assert model.startswith("FAIL  ")
    assert "config.json" in model


def test_a_wrong_token_and_a_missing_intent_are_said(
    settings: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    with standing_in(message_content=False) as standin:
        assert doctor(settings(standin.api_url, "wrong", str(tmp_path / "empty"))) == 1
        assert capsys.readouterr().out.startswith("FAIL  Discord refuses the token")
        doctor(settings(standin.api_url, standin.token, str(tmp_path / "empty")))
    assert "The message content intent is not switched on" in capsys.readouterr().out
