from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bot.logs import configure_logs
from bot.settings.loading import SettingsError
from bot.settings.sections import LogSettings


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_log_goes_to_the_file_from_its_level_on(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "bot.log"
    configure_logs(LogSettings(level="WARNING", file=file))
    logging.getLogger("somewhere").info("left out")
    logging.getLogger("somewhere").warning("written ü")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        configure_logs(LogSettings(level="WARNING", file=file))
        warnings.warn("of a library", stacklevel=1)
    lines = file.read_text(encoding="utf-8")
    assert "WARNING somewhere: written ü" in lines
    assert "of a library" in lines
    assert "left out" not in lines


def test_without_a_file_it_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings())
    logging.getLogger("somewhere").info("seen")
    captured = capsys.readouterr()
    assert "INFO somewhere: seen" in captured.err
    assert captured.out == ""


def test_verbose_shows_all_of_our_own_beside_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = LogSettings(level="WARNING", file=tmp_path / "bot.log")
    configure_logs(settings, verbose=True)
    logging.getLogger("bot.cogs").debug("a detail")
    logging.getLogger("discord.http").debug("what somebody wrote")
    for log in (capsys.readouterr().err, (tmp_path / "bot.log").read_text()):
        assert "DEBUG bot.cogs: a detail" in log
        assert "what somebody wrote" not in log
    configure_logs(settings)
    logging.getLogger("bot.cogs").info("left out")
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"set log\.file to another one"):
        configure_logs(LogSettings(file=tmp_path / "file" / "bot.log"))


def test_a_log_for_programs(tmp_path: Path) -> None:
    file = tmp_path / "bot.log"
    configure_logs(LogSettings(file=file, format="json"))
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("bot.test").exception("Request %d\nfailed", 5)
    [line] = file.read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("ERROR", "bot.test", "Request 5\nfailed")
    assert "ZeroDivisionError" in entry["traceback"]
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None
