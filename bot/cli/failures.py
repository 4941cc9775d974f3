"""How a command ends when something is wrong: one sentence for the person, an exit status, the log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

import typer

from bot.store.errors import StoreError
from inference.errors import EngineError, InferenceError

logger = logging.getLogger(__name__)

OURS = 1
BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
READER_GONE = 141  # 128 + SIGPIPE


class InputError(Exception):
    """What was typed cannot be used; the message is one sentence that says what to do."""


def log_file() -> Path:
    """Where the log is kept: the place that the operating system has for such files."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Logs"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "idefics-bot" / "idefics-bot.log"


def configure_logging(*, verbose: bool) -> None:
    """Sends the log, warnings of libraries included, to stderr (`verbose`) or to `log_file()`."""
    logging.captureWarnings(True)
    handler: logging.Handler = logging.StreamHandler()
    level = logging.INFO
    if not verbose:
        path = log_file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
            level = logging.WARNING
        except OSError:
            logger.warning("The log cannot be written to %s, so it goes to stderr.", path)
    logging.basicConfig(
        handlers=[handler], level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def say(sentence: str) -> None:
    """Tells the person one sentence, on stderr."""
    print(sentence, file=sys.stderr)


def failure_of_ours(what: str) -> str:
    """The sentence for a failure that the person cannot mend: `what` happened, and where the log is."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.FileHandler)]
    where = f"in {handlers[0].baseFilename}" if handlers else "above"
    return f"{what.rstrip('.')}; the details are {where}."


def exit_status(command: Callable[[], object]) -> int:
    """Runs `command` and turns whatever happens into an exit status and at most one sentence."""
    status = _status_of(command)
    try:
        # What is still buffered must fail here, not at the interpreter's end where it cannot be caught.
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes stdout once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return READER_GONE
        if status == 0:
            say(cannot_be_written(error))
            return BAD_INPUT
    return status


def cannot_be_written(error: OSError) -> str:
    """The sentence for a stdout that takes nothing more."""
    return f"Stdout cannot be written ({error.strerror}): send it somewhere else."


def _status_of(command: Callable[[], object]) -> int:
    try:
        status = command()
    except (BrokenPipeError, SystemExit):  # SystemExit: what typer and rich make of a broken pipe, only there
        return READER_GONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).replace("Value error, ", "")  # pydantic's words
        # Where typer guesses what was meant, it asks.
        more = " See" if message.endswith("?") else "; see"
        say(f"{message.rstrip('.')}{more} idefics-bot --help.")
        return BAD_INPUT
    except EngineError as error:
        logger.exception("The engine failed")
        say(failure_of_ours(str(error)))
        return OURS
    except (InputError, InferenceError, StoreError) as error:
        say(str(error))
        return BAD_INPUT
    except Exception:
        logger.exception("The command failed")
        say(failure_of_ours("Something went wrong here that is not your doing"))
        return OURS
    return status if isinstance(status, int) else 0
