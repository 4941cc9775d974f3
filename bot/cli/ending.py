"""The end of the process, once a command is done."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn


def exit_after(command: Callable[[], int]) -> NoReturn:
    """Runs `command`, and ends the process with its status without taking the interpreter apart.

    With torch in it that takes a second of computing, and on a busy machine longer than a supervisor waits.
    What libraries have asked to be called at the end is called.
    """
    status = 1

    def end() -> None:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # closed; what stdout lost, the command has reported
                stream.flush()
        os._exit(status)

    # They are called in reverse order, so the first to ask is the last to be called.
    atexit.register(end)
    status = command()
    sys.exit(status)
