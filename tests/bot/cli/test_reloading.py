"""Settings that change while the bot runs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bot.cli.configuration import configuration
from bot.cli.reloading import Reloading, differing
from bot.cli.run import serve_discord
from bot.settings.sections import ModelSettings, Settings
from tests.bot.conversation.chats import on_loop
from tests.fake_engine import FakeEngine
from tests.standin.standin import StandIn


class Applied:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.settings: list[Settings] = []
        self.write("[limits]\nper_minute_per_person = 5")
        self.reloading = Reloading(configuration(file), lambda: configuration(file), self.settings.append)

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")


@pytest.fixture
def applied(tmp_path: Path) -> Applied:
    return Applied(tmp_path / "idefics-bot.toml")


@pytest.fixture(autouse=True)
def _as_it_was() -> Any:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def test_what_can_change_does_and_the_rest_is_named(
    applied: Applied, caplog: pytest.LogCaptureFixture
) -> None:
    applied.write(
        "[limits]\nper_minute_per_person = 50\n[privacy]\nretention_days = 7\n[model]\ncheckpoint = 'other'\n"
        "[discord]\nping_author = false"
    )
    applied.reloading.reload()
    [settings] = applied.settings
    assert settings.limits.per_minute_per_person == 50
    assert [record.getMessage() for record in caplog.records][-2:] == [
        "The settings were read again. Changed: "
        "discord.ping_author, limits.per_minute_per_person, privacy.retention_days",
        "These change with the next start: model.checkpoint",
    ]
    # What waits for the start is still different, the rest is not.
    applied.reloading.reload()
    assert caplog.records[-2].getMessage().endswith("Changed: nothing")
    assert caplog.records[-1].getMessage().endswith("next start: model.checkpoint")


@pytest.mark.parametrize("text", ["[limits]\nper_minute_per_person = 0", "no TOML", "[limit]\na = 1"])
def test_what_cannot_be_used_changes_nothing(
    applied: Applied, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    applied.write(text)
    applied.reloading.reload()
    assert applied.settings == []
    assert caplog.records[-1].getMessage().startswith("The settings are left as they are. ")


def test_no_value_is_logged(applied: Applied, caplog: pytest.LogCaptureFixture) -> None:
    applied.write("[discord]\ntoken = 'a secret token'")
    applied.file.chmod(0o600)
    applied.reloading.reload()
    assert "discord.token" in caplog.text
    assert "secret" not in caplog.text


def test_the_log_changes_and_keeps_what_else_listens(applied: Applied) -> None:
    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    heard: list[str] = []
    logging.getLogger().addHandler(Listening())
    applied.write("[log]\nlevel = 'ERROR'\nformat = 'json'")
    applied.reloading.reload()
    logging.getLogger("somebody").warning("too quiet")
    logging.getLogger("somebody").error("loud")
    assert heard[-1] == "loud"
    assert "too quiet" not in heard


def test_every_setting_is_compared() -> None:
    assert differing(Settings(), Settings()) == []
    changed = Settings(model=ModelSettings(checkpoint="other"))
    assert differing(Settings(), changed) == ["model.checkpoint"]


@on_loop
async def test_a_running_bot_answers_by_the_new_limits(tmp_path: Path) -> None:
    file = tmp_path / "idefics-bot.toml"

    def written(limit: int) -> None:
        file.write_text(
            f"discord.api_url = '{discord.api_url}'\ndiscord.token = '{discord.token}'\nweb.port = 0\n"
            f"store.url = 'sqlite+aiosqlite:///{tmp_path / 'test.sqlite3'}'\n"
            f"limits.per_minute_per_person = {limit}\n",
            encoding="utf-8",
        )
        file.chmod(0o600)

    async def becomes(look: Callable[[], object]) -> None:
        await discord.wait_for(look)

    async with StandIn() as discord:
        alice = discord.add_person("Alice")
        channel = discord.add_channel(discord.add_server())
        written(1)
        serving = asyncio.create_task(
            serve_discord(configuration(file), lambda _: FakeEngine(), read=lambda: configuration(file))
        )
        await becomes(lambda: serving.done() or discord.gateway.connections)
        await alice.send(channel, f"{discord.bot.mention} one?")
        await becomes(lambda: len(discord.by_bot()) == 1)
        await alice.send(channel, f"{discord.bot.mention} two?")
        await becomes(lambda: len(discord.by_bot()) == 2)
        assert discord.by_bot()[1].content.startswith("You have asked 1 question within a minute")
        written(10)
        os.kill(os.getpid(), signal.SIGHUP)
        question = await alice.send(channel, f"{discord.bot.mention} three?")
        answer = await discord.wait_for_message(
            reply_to=question, where=lambda one: "Stop" not in one.buttons
        )
        assert answer.content.startswith("Answer 2.")
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
