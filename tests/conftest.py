"""The environment in which every test runs."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import settings

# Triton decides when it is imported, which bitsandbytes does, whether it compiles or interprets.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# The machine may have other things to do.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# The second line is what Rich and Typer ask before they look at the terminal.
NOT_FOR_TESTS = {
    "DISCORD_TOKEN",
    *("FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
}


@pytest.fixture(autouse=True)
def _as_on_a_new_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the settings of whoever runs the tests, a bot's token among them, and their colours."""
    for name in os.environ:
        if name.upper().startswith("IDEFICS_BOT_") or name in NOT_FOR_TESTS:
            monkeypatch.delenv(name)
