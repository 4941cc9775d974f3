"""How a conversation looks: on a terminal, or plainly in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Protocol

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.cli.failures import say
from bot.cli.output import trimmed
from bot.cli.streams import put

Write = Callable[[str], None]


class Face(Protocol):
    """What a conversation needs of the place where it is shown."""

    interactive: bool
    """Whether a person watches, who is greeted and may stop an answer and go on."""

    def greet(self, checkpoint: str) -> None:
        """Says who answers here and what can be typed."""
        ...

    def read(self, waiting: int) -> str | None:
        """The next line, None at the end; `waiting` pictures go with it. Ctrl-C raises KeyboardInterrupt."""
        ...

    def show_question(self, question: str) -> None:
        """Shows a question that nobody typed."""
        ...

    def answer(self) -> AbstractContextManager[Write]:
        """A place for the pieces of one answer."""
        ...

    def hint(self, text: str) -> None:
        """Says something that is not part of the conversation."""
        ...


class Pipe:
    """Answers on stdout, one after the other; hints on stderr; no more."""

    interactive = False

    def greet(self, checkpoint: str) -> None:
        pass

    def read(self, waiting: int) -> str | None:
        return sys.stdin.readline() or None

    def show_question(self, question: str) -> None:
        pass

    @contextmanager
    def answer(self) -> Iterator[Write]:
        try:
            yield trimmed(lambda piece: put(piece, end=""))
        finally:
            put("")

    def hint(self, text: str) -> None:
        say(text)


class Terminal:
    """A prompt with line editing, streamed answers and dim hints."""

    interactive = True

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._mark = (
            ">" if self._console.options.ascii_only else "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
        )
        self._has_readline = find_spec("readline") is not None
        if self._has_readline:
            import readline  # noqa: F401  # importing it gives input() its line editing

    def greet(self, checkpoint: str) -> None:
        knows = "the built-in model, which knows simple drawings only" if checkpoint == "demo" else checkpoint
        text = Text.assemble(
            f"You are talking with {knows}.\n", ("/image PATH adds a picture, /help shows more.", "dim")
        )
        self._console.print(Panel.fit(text, title="idefics-bot", title_align="left", border_style="cyan"))

    def read(self, waiting: int) -> str | None:
        if waiting:
            self.hint(f"{waiting} picture{'s' * (waiting > 1)} will go with your message.")
        try:
            return input(self._prompt())
        except EOFError:
            self._console.print()
            return None

    def show_question(self, question: str) -> None:
        self._console.print(Text.assemble((f"{self._mark} ", "bold cyan"), question))

    @contextmanager
    def answer(self) -> Iterator[Write]:
        thinking = self._console.status("")
        thinking.start()

        def write(piece: str) -> None:
            thinking.stop()
            self._console.out(piece, end="", highlight=False)

        try:
            yield trimmed(write)
        finally:
            thinking.stop()
            self._console.print("\n")

    def hint(self, text: str) -> None:
        self._console.print(text, style="dim", markup=False)

    def _prompt(self) -> str:
        if self._console.color_system is None:
            return f"{self._mark} "
        start, end = "\x1b[1;36m", "\x1b[0m"
        if self._has_readline:
            # Between these two, readline counts no columns.
            start, end = f"\x01{start}\x02", f"\x01{end}\x02"
        return f"{start}{self._mark}{end} "


def face_of_this_process() -> Face:
    """The terminal's face if a person sits at both ends."""
    return Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else Pipe()
