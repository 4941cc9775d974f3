"""What the README shows of the command line is what the built-in model answers."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest

from bot.__main__ import main

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\$ idefics-bot (.+)\n(.+)$", README, re.MULTILINE)
TALK = re.findall(r"^\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} (.+)\n(.+)$", README, re.MULTILINE)
COMMANDS = re.findall(r"^idefics-bot (ask .*docs/.*)$", README, re.MULTILINE)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_answers_are_what_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(SHOWN) > 4
    for command, answer in SHOWN:
        assert main(shlex.split(command)) == 0
        assert capfd.readouterr().out == f"{answer}\n", command


def test_every_mode_s_example_answers(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 7
    for command in COMMANDS:
        assert main(shlex.split(command)) == 0
        assert capfd.readouterr().out.strip(), command


def test_the_conversation_is_what_is_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(TALK) > 4
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{question}\n" for question, _ in TALK)))
    assert main(["chat", "docs/sample.png"]) == 0
    assert capfd.readouterr().out.splitlines() == [answer for _, answer in TALK]
