"""Answers on stdout, and nothing else there: as text, one line each where there are several, or as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console

from bot.cli.streams import put
from inference.surface import FinishReason

MOST_BARS = 6
BAR_WIDTH = 24


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """An answer and what it took. `ranked` (label → probability) is there if labels were ranked."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    ranked: dict[str, float] | None = None

    def to_json(self) -> str:
        fields = asdict(self)
        if self.ranked is None:
            del fields["ranked"]
        return json.dumps(fields, ensure_ascii=False)


def print_answers(answers: Sequence[AnswerRecord], *, as_json: bool) -> None:
    """Prints the answers in order."""
    for answer in answers:
        if as_json:
            put(answer.to_json())
        elif len(answers) > 1:
            put(" ".join(printable(answer.text).split()))
        else:
            put(printable(answer.text))


def print_bars(answers: Sequence[AnswerRecord], console: Console) -> None:
    """Shows ranked labels to a person who looks on."""
    for answer in answers:
        ranked = list((answer.ranked or {}).items())[:MOST_BARS]
        width = max((len(label) for label, _ in ranked), default=0)
        for label, share in ranked:
            bar = "█" * round(share * BAR_WIDTH)
            console.print(
                f"{printable(label):{width}}  {bar:·<{BAR_WIDTH}}  {share:4.0%}", style="dim", highlight=False
            )


def printable(text: str) -> str:
    """`text` without control characters but line breaks and tabs: a terminal would obey them."""
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) != "Cc")


def trimmed(write: Callable[[str], None]) -> Callable[[str], None]:
    """A `write` for pieces of a text: without control characters and blanks at the ends of the whole."""
    begun = False
    held_back = ""

    def add(piece: str) -> None:
        nonlocal begun, held_back
        text = held_back + printable(piece)
        body = text.rstrip()
        held_back = text[len(body) :]
        if body:
            write(body if begun else body.lstrip())
            begun = True

    return add
