"""The commands as a person runs them: real processes, a real (random) model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.processes import run_to_end

COMMAND = [sys.executable, "-m", "bot"]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return run_to_end([*COMMAND, *arguments], stdin=stdin)


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
    done = run_to_end(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
