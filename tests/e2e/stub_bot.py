"""`idefics-bot run` with an engine that needs no model: it says each question's number, word by word.

Started as `python -m tests.e2e.stub_bot run --config FILE`. STUB_SECONDS_PER_WORD says how fast it is. While
it looks for what was deleted when nobody listened, it makes no pauses.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys

from bot.__main__ import main
from bot.cli import run
from bot.cogs import deletions
from bot.settings.sections import ModelSettings
from inference.prompt import Prompt
from inference.surface import Options
from tests.fake_engine import FakeEngine

NUMBER = re.compile(r"question (\d+)")
WORDS = 8


def answer_to(number: int) -> str:
    return " ".join([f"Number {number}:", *(f"word{index}" for index in range(WORDS)), "end."])


class EchoEngine(FakeEngine):
    def ask(self, prompt: Prompt, options: Options) -> list[str | Exception | asyncio.Event]:
        super().ask(prompt, options)
        numbers = NUMBER.findall(" ".join(item for item in prompt if isinstance(item, str)))
        self.asked.clear()
        loop, pause = asyncio.get_running_loop(), float(os.environ.get("STUB_SECONDS_PER_WORD", "0.02"))
        pieces: list[str | Exception | asyncio.Event] = []
        for index, word in enumerate(answer_to(int(numbers[-1])).split(" ")):
            time = asyncio.Event()
            loop.call_later(pause * (index + 1), time.set)
            pieces += [time, word if index == 0 else f" {word}"]
        return pieces

    def token(self, word: str) -> int:
        return 0  # a history of all words ever said would only grow


def open_engine(_model: ModelSettings) -> EchoEngine:
    return EchoEngine(context_length=100_000)


if __name__ == "__main__":
    run.configured = open_engine  # type: ignore[assignment]
    deletions.PAUSE_S = 0.0
    sys.exit(main(sys.argv[1:]))
