"""A terminal of its own for a program, with a test as the person who reads and types."""

from __future__ import annotations

import codecs
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.processes import DEADLINE_S

CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"

# Makes stdin the controlling terminal, so that a typed Ctrl-C is a signal, and the signal one that is not
# ignored. Not as `preexec_fn`: Python between fork and exec is not safe beside the threads of a test run.
SIT_DOWN = """
import os, signal, sys
os.login_tty(0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A context manager in which the program runs; whatever is waited for comes within `within` seconds of
    its start, or fails with what was shown until then."""

    def __init__(self, command: Sequence[str], *, within: float = DEADLINE_S) -> None:
        self.ends_at = time.monotonic() + within
        self.shown = ""
        """All of it, from the start."""
        self._read = 0
        # A character of several bytes may come in several pieces.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SIT_DOWN, *command],
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def read_until(self, text: str) -> str:
        """What is shown from here on, up to `text`."""
        while (found := self.shown.find(text, self._read)) < 0:
            assert self._more(f"{text!r}"), f"the program ended before {text!r}, after {self.shown!r}"
        before = self.shown[self._read : found]
        self._read = found + len(text)
        return before

    def read_to_end(self) -> str:
        """What is shown from here on until the program ends."""
        while self._more("the end"):
            pass
        rest = self.shown[self._read :]
        self._read = len(self.shown)
        return rest

    def status(self) -> int:
        """The program's exit status, once it ends."""
        rest = self.read_to_end()
        try:
            return self.process.wait(self._left())
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program let go of its terminal and went on, after {rest!r}") from None

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _left(self) -> float:
        return max(0.0, self.ends_at - time.monotonic())

    def _more(self, awaited: str) -> bool:
        """Adds to `shown`; False if the program has let go of the terminal."""
        ready, _, _ = select.select([self._master], [], [], self._left())
        assert ready, f"{awaited} did not come in time, after {self.shown!r}"
        try:
            piece = os.read(self._master, 4096)
        except OSError:  # what Linux reports when the other end is closed
            piece = b""
        self.shown += self._decoder.decode(piece, final=not piece)
        return bool(piece)
