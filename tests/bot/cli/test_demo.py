"""The playground as a person starts it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.web.serving import bind
from tests.bot.conversation.chats import drawing
from tests.bot.web.playgrounds import visitor
from tests.inference.checkpoints import write_checkpoint
from tests.processes import running


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_a_port_in_use_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        status = main(["demo", "--port", str(port), "--no-browser"])
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    assert err == (
        f"Nothing can be served at 127.0.0.1, port {port}: another program uses it, "
        "so end that one or choose another port.\n"
    )


def test_wrong_settings_are_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    Path("idefics-bot.toml").write_text("[web]\nprot = 1\n", encoding="utf-8")
    assert main(["demo", "--no-browser"]) == 2
    assert capfd.readouterr().err == (
        "The setting web.prot in idefics-bot.toml is unknown: [web] has host, port, token.\n"
    )


def test_a_model_that_is_not_there_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", "0", "--no-browser", "--model", "./nowhere"]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    asyncio.run(_serve_and_end(tmp_path))


async def _serve_and_end(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    options = ("--port", "0", "--no-browser", "--model", str(checkpoint))
    async with running(sys.executable, "-m", "bot", "demo", *options) as process:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("The playground is at http://127.0.0.1:")
        url = line.split()[4].rstrip("/")
        async with visitor(url) as anna:
            answer = await anna.finished("What is this?", drawing("red"))
            assert answer["state"] == "done"
            conversation = await anna.conversation()
            assert conversation["model"] == str(checkpoint)
            async with anna.listening():
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
    assert (tmp_path / "idefics-bot.sqlite3").exists()


def test_its_token_is_not_written_where_it_would_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEFICS_BOT_WEB__TOKEN", "a-word-of-some-length")
    checkpoint = write_checkpoint(tmp_path / "checkpoint")

    async def story() -> None:
        options = ("--port", "0", "--no-browser", "--model", str(checkpoint))
        async with running(sys.executable, "-m", "bot", "demo", *options) as process:
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode()
            assert line.endswith("/?token=… (Ctrl-C ends it).\n")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0

    asyncio.run(story())
