"""The commands as a person runs them: real processes, a real (random) model, a real terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.inference.checkpoints import write_checkpoint

PROMPT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}\x1b[0m "  # not the question that is shown
COMMAND = [sys.executable, "-m", "bot"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("checkpoint")))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "a red square.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return str(path)


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, check=False)


def test_ask_prints_an_answer_and_nothing_else(checkpoint: str, picture: str) -> None:
    data = Path(picture).read_bytes()
    options = ("--model", checkpoint, "--max-new-tokens", "5", "--json", "--mode", "caption")
    done = run("ask", *options, picture, "-", stdin=data)
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["completion_tokens"] == 5
    assert first["text"] == second["text"], "the same picture, from a file and from stdin"


def test_bad_input_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    done = run("ask", "--model", str(tmp_path / "gone"), str(tmp_path / "gone.png"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"There is no file {tmp_path / 'gone.png'}: check its name.\n"


def test_a_folder_that_is_no_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    done = run("ask", "--model", str(tmp_path), "Hello")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


def test_chat_answers_lines_that_are_not_even_text(checkpoint: str, picture: str) -> None:
    options = ("--model", checkpoint, "--max-new-tokens", "5")
    done = run("chat", *options, picture, stdin=b"Hello\n\xff\xfe\n/image \x00\n")
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 2
    assert done.stderr.count(b"\n") == 1


def test_chat_with_stdin_closed(checkpoint: str) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "chat", "--model", checkpoint]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class Session:
    """A process on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment,
            preexec_fn=lambda: _sit_down_at(slave),
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str) -> str:
        """What is shown from here on, up to `text`; fails if the process ends before that."""
        while text not in self.shown:
            more = self._read()
            assert more, f"{text!r} did not come after {self.shown!r}"
            self.shown += more
        before, _, self.shown = self.shown.partition(text)
        return before

    def read_rest(self) -> str:
        """What is shown from here on until the process ends."""
        while more := self._read():
            self.shown += more
        return self.shown

    def _read(self) -> str:
        try:
            return os.read(self.master, 4096).decode(errors="replace")
        except OSError:  # what Linux reports when the other end is closed
            return ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


def _sit_down_at(terminal: int) -> None:
    """Makes it the controlling terminal, so that a typed Ctrl-C is a signal, which is not ignored."""
    os.login_tty(terminal)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def on_a_terminal() -> Iterator[type[Session]]:
    sessions: list[Session] = []

    class Kept(Session):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            sessions.append(self)

    yield Kept
    for session in sessions:
        session.process.kill()
        session.process.wait()
        os.close(session.master)


def test_chat_on_a_terminal(checkpoint: str, picture: str, on_a_terminal: type[Session]) -> None:
    session = on_a_terminal("chat", "--model", checkpoint, "--max-new-tokens", "5", picture)
    session.read_until("You are talking with")
    session.read_until("What is in this image?")
    session.read_until(PROMPT)
    session.type("/help\r")
    session.read_until("leaves, as Ctrl-D does")
    session.type(f"/image {picture}\r")
    session.read_until("1 picture will go with your message.")
    session.type("Hello\r")
    session.read_until("Hello")
    session.read_until(PROMPT)
    session.type("\x03")
    assert session.process.wait() == 130
    assert "Traceback" not in session.read_rest()


def test_ctrl_d_leaves_chat(checkpoint: str, on_a_terminal: type[Session]) -> None:
    session = on_a_terminal("chat", "--model", checkpoint)
    session.read_until(PROMPT)
    session.type("\x04")
    assert session.process.wait() == 0
