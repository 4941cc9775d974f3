"""Stdin, stdout and stderr as whoever starts this process may leave them: closed, full, without letters."""

from __future__ import annotations

import io
import os
import sys

from bot.cli.failures import InputError, cannot_be_written


class Closed(io.TextIOWrapper):
    """Stands for a stream that was closed: nothing comes from it, what is written to it is gone."""

    def __init__(self, mode: str) -> None:
        super().__init__(open(os.devnull, mode), encoding="utf-8")  # noqa: SIM115


def prepare_streams() -> None:
    """Makes all three usable: one that was closed, and characters that cannot be read or shown."""
    # In this order each takes its own number, which else the next file that is opened would have.
    if sys.stdin is None:
        sys.stdin = Closed("rb")
    if sys.stdout is None:
        sys.stdout = Closed("wb")
    if sys.stderr is None:
        sys.stderr = Closed("wb")
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            # One character that cannot be read or shown is no reason to end.
            stream.reconfigure(errors="replace")


def check_stdout() -> None:
    """For commands that would say all they have to say to nobody.

    Raises:
        InputError: stdout is closed.
    """
    if isinstance(sys.stdout, Closed):
        raise InputError("There is nowhere to write the answer: stdout is closed, leave >&- out.")


def put(text: str, *, end: str = "\n") -> None:
    """Writes `text` to stdout at once.

    Raises:
        InputError: stdout cannot take it; the message says why.
        BrokenPipeError: its reader went away.
    """
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(cannot_be_written(error)) from error
