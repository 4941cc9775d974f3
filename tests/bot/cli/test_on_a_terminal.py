"""The conversation as a person has it: a real process on a real terminal, and first the terminal itself."""

from __future__ import annotations

import sys

import pytest

from tests.bot.cli.terminal import CTRL_C, CTRL_D, ENTER, Terminal

PROMPT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}\x1b[0m "  # not the question that is shown
CHAT = [sys.executable, "-m", "bot", "chat", "--max-new-tokens", "5", "--model"]


def test_a_character_may_come_in_pieces() -> None:
    # Raw, as otherwise the terminal shows the key between the pieces.
    start = r"import os, tty; tty.setraw(0); os.write(1, b'so \xe2\x80');"
    rest = r"os.read(0, 1); os.write(1, b'\xba far')"
    with Terminal([sys.executable, "-c", start + rest]) as terminal:
        terminal.read_until("so ")
        terminal.type(ENTER)
        terminal.read_until("far")
        assert terminal.status() == 0
    assert "\N{REPLACEMENT CHARACTER}" not in terminal.shown


def test_what_does_not_come_is_not_waited_for_for_ever() -> None:
    with Terminal([sys.executable, "-c", "print('so far'); input()"]) as terminal:
        terminal.read_until("so far")
        terminal.ends_at = 0
        with pytest.raises(AssertionError, match=r"'more' did not come in time, after 'so far"):
            terminal.read_until("more")
        with pytest.raises(AssertionError, match=r"the end did not come in time, after 'so far"):
            terminal.status()
    assert terminal.process.returncode is not None


def test_chat(checkpoint: str, picture: str) -> None:
    # What is typed before there is a prompt is shown twice, so each waits for one.
    with Terminal([*CHAT, checkpoint, picture]) as terminal:
        terminal.read_until("You are talking with")
        terminal.read_until("What is in this image?")
        terminal.read_until(PROMPT)
        terminal.type(f"/help{ENTER}")
        terminal.read_until("leaves, as Ctrl-D does")
        terminal.read_until(PROMPT)
        terminal.type(f"/image {picture}{ENTER}")
        terminal.read_until("1 picture will go with your message.")
        terminal.read_until(PROMPT)
        terminal.type(f"Hello{ENTER}")
        terminal.read_until("Hello")
        terminal.read_until(PROMPT)
        # With Enter because CPython's input() heeds a Ctrl-C that comes after the prompt and before it waits
        # for keys, which no person is quick enough for, only when the line ends.
        terminal.type(CTRL_C + ENTER)
        assert terminal.status() == 130
    assert "Traceback" not in terminal.shown


def test_ctrl_d_leaves(checkpoint: str) -> None:
    with Terminal([*CHAT, checkpoint]) as terminal:
        terminal.read_until(PROMPT)
        terminal.type(CTRL_D)
        assert terminal.status() == 0
