"""How the process ends: in a Python of its own, as nothing comes after it."""

from __future__ import annotations

import sys

from tests.processes import run_to_end

LIBRARIES = """
import atexit, logging, sys, weakref
from bot.cli.ending import exit_after

class Held:
    def __del__(self):
        print("taken apart")

sys.modules["held"] = Held()

def command():
    atexit.register(print, "closed")
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    logging.error("logged")
    print("said", end=" ")
    return 7

"""


def ended(code: str) -> tuple[int, list[str]]:
    done = run_to_end([sys.executable, "-c", LIBRARIES + code])
    assert "Traceback" not in done.stderr.decode()
    return done.returncode, done.stdout.decode().splitlines()


def test_libraries_are_told_of_the_end_and_nothing_is_taken_apart() -> None:
    assert ended("exit_after(command)") == (7, ["logged", "said closed"])
    assert ended("sys.exit(command())") == (7, ["logged", "said closed", "taken apart"]), "it would be"


def test_a_stdout_that_is_closed_does_not_change_the_status() -> None:
    assert ended("exit_after(lambda: sys.stdout.close() or 3)") == (3, [])
