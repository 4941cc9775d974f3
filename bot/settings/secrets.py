"""Files that hold a secret: only their owner may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class UnguardedError(Exception):
    """Others can read the file; the message is one sentence that says what to do."""


def check_guarded(path: Path, holds: str) -> None:
    """Makes sure that only the owner can read the file, which `holds` such as "the token".

    Raises:
        UnguardedError: others can, too.
    """
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UnguardedError(f"{path} holds {holds} and others can read it: chmod 600 {path}.")


def read_secret(path: Path, holds: str) -> str:
    """The text of a file that only its owner can read.

    Raises:
        UnguardedError: others can, too.
        OSError, UnicodeDecodeError: it cannot be read.
    """
    check_guarded(path, holds)
    return path.read_text(encoding="utf-8").strip()
