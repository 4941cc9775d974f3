"""What a lesson is: a prompt with answers to be learnt, and which pictures it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from inference import tasks
from inference.prompt import PromptItem

Ending = Literal["utterance", "document"]
SLOT = Image.new("RGB", (1, 1))
"""Stands for a picture; the lesson says which."""


@dataclass(frozen=True, slots=True)
class Taught:
    """An answer to be learnt, with the token that ends it."""

    kind: str
    text: str
    ending: Ending


Item = PromptItem | Taught


@dataclass(frozen=True, slots=True)
class Lesson:
    items: tuple[Item, ...]
    pictures: tuple[int, ...]
    """Which picture each SLOT stands for."""


def lesson_of(request: tasks.TaskRequest, answer: Taught, pictures: Sequence[int]) -> Lesson:
    return Lesson((*request.prompt, answer), tuple(pictures))
