"""How many of a channel's examples the model can be shown."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation.budget import ANY_PICTURE, MAX_PICTURES
from bot.conversation.keeping import Example
from inference import tasks
from inference.surface import Engine

MAX_EXAMPLES = 25
"""In one thread, channel or server: as many as a list in Discord has choices."""
QUESTION_TOKENS = 64
"""Kept free for what is asked of the picture."""


def fitting(
    engine: Engine, examples: Sequence[Example], answer_tokens: int
) -> tuple[list[Example], list[Example]]:
    """Those that are shown, and those that are dropped because there is no room: the oldest ones."""
    room = engine.context_length - answer_tokens - QUESTION_TOKENS
    shown = list(examples[-(MAX_PICTURES - 1) :])
    while shown and _tokens(engine, shown) > room:
        shown.pop(0)
    return shown, list(examples[: len(examples) - len(shown)])


def _tokens(engine: Engine, examples: Sequence[Example]) -> int:
    pairs = [(ANY_PICTURE, example.answer) for example in examples]
    return engine.count_tokens(tasks.few_shot(pairs, ANY_PICTURE).prompt)
