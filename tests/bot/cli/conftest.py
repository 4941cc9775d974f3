from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from bot.__main__ import main
from tests.fake_engine import FakeEngine, loader_of
from tests.inference.checkpoints import write_checkpoint


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands configure the logging of the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    for handler in [one for one in root.handlers if one not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's log is written, here and in the processes that the test starts."""
    folder = tmp_path / "state"
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(folder))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small random model."""
    return str(write_checkpoint(tmp_path_factory.mktemp("checkpoint")))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """The file of a picture, with a space in its name."""
    path = tmp_path / "a red square.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return str(path)


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a picture of one colour into the working directory and returns its name."""
    monkeypatch.chdir(tmp_path)

    def draw(name: str, colour: str = "red") -> str:
        Image.new("RGB", (32, 32), colour).save(tmp_path / name)
        return name

    return draw


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command with a scripted engine in this process: exit status, stdout, stderr."""

    def run(*arguments: str, engine: FakeEngine | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr("bot.cli.model.load_engine", loader_of(engine or FakeEngine()))
        status = main(arguments)
        out, err = capfd.readouterr()
        return status, out, err

    return run
