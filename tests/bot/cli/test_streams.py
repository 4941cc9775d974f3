"""Commands whose stdin, stdout or stderr is closed, full or left by its reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.checkpoints import picture, write_checkpoint
from tests.processes import run_to_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    picture("red").save(folder / "red.png")
    write_checkpoint(folder / "checkpoint")
    return folder


def shell(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `script`, in which "$@" is the command with its arguments, in `folder`."""
    command = ["bash", "-c", f"set -o pipefail; {script}", "bash", sys.executable, "-m", "bot", *arguments]
    path = os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])])
    return run_to_end(command, folder=folder, environment=os.environ | {"PYTHONPATH": path})


@pytest.mark.parametrize("command", ["ask", "chat"])
@pytest.mark.parametrize(
    ("script", "status", "sentence"),
    [
        ('"$@" >&-', 2, b"There is nowhere to write the answer: stdout is closed, leave >&- out.\n"),
        ('"$@" <&- >&- 2>&-', 2, b""),
        ('"$@" | true', 141, b""),
        pytest.param(
            '"$@" >/dev/full',
            2,
            b"Stdout cannot be written (No space left on device): send it somewhere else.\n",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it"),
        ),
    ],
)
def test_a_stdout_that_takes_no_answer(
    script: str, status: int, sentence: bytes, command: str, folder: Path
) -> None:
    done = shell(script, folder, command, "--model", "./checkpoint", "--max-new-tokens", "5", "red.png")
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", sentence)


def test_a_closed_stderr_is_not_replaced_by_stdout(folder: Path) -> None:
    done = shell('"$@" 2>&-', folder, "ask", "gone.png")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")
