"""The tasks of the IDEFICS guide: how each is asked, with which options, and how its answer is read.

What people write goes into these prompts as it is, apart from line breaks: in formats where a line
begins with "User:" or "Instruction:", no text may begin such a line itself.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL.Image import Image

from inference.errors import PromptError
from inference.prompt import END_OF_UTTERANCE, Generated, Prompt, PromptItem
from inference.surface import Engine, Options, Reply

Speaker = Literal["User", "Assistant"]

_NEXT_TURN = ("\nUser:", "\nAssistant:")
_NEXT_INSTRUCTION = ("\nInstruction:", "\nUser:")
# Also "**Assistant:**", "> user :" and the full-width colon of Chinese and Japanese.
_OPENS_A_TURN = re.compile(r"[\W_]*(?:user|assistant|instruction)[^\w:\uff1a]*[:\uff1a]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A prompt, how to answer it, and how to read the generated text."""

    prompt: Prompt
    options: Options
    read: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task came to: `text` as the task reads it, and the reply it was read from."""

    text: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said: texts, pictures and, of the assistant, what was generated; in this order."""

    speaker: Speaker
    content: tuple[str | Image | Generated, ...]


def conversation(turns: Sequence[Turn], *, base: bool = False) -> TaskRequest:
    """The assistant's next turn; the last of `turns` is the user's.

    `base` writes for checkpoints that were not tuned on conversations: they have no end-of-utterance
    token, a turn ends with its line.

    Raises:
        PromptError: the last turn is not the user's.
    """
    if not turns or turns[-1].speaker != "User":
        raise PromptError("A conversation ends with something that the user said.")
    prompt: list[PromptItem] = []
    for number, turn in enumerate(turns):
        speaker = f"\n{turn.speaker}:" if number else f"{turn.speaker}:"
        content = _written_turn(turn.content)
        if content and isinstance(content[0], str):
            prompt += [f"{speaker} {content[0]}", *content[1:]]
        else:
            prompt += [speaker, *content]
        if not base:
            prompt.append(END_OF_UTTERANCE)
    prompt.append("\nAssistant:")
    return TaskRequest(prompt, Options(max_new_tokens=100, stop=_NEXT_TURN), _before(_NEXT_TURN))


def captioning(picture: Image) -> TaskRequest:
    """A caption, with nothing asked: what the model goes on with after a picture."""
    return TaskRequest([picture], Options(max_new_tokens=10), _first_line)


def prompted_captioning(picture: Image, prefix: str = "This is an image of") -> TaskRequest:
    """A caption that goes on from `prefix`; the answer is what comes after it."""
    return TaskRequest([picture, f"{_one_line(prefix)} "], Options(max_new_tokens=10), _first_line)


def few_shot(
    examples: Sequence[tuple[Image, str]], picture: Image, *, request: str = "Describe this image."
) -> TaskRequest:
    """An answer about `picture` in the manner of the examples, each a picture and its answer."""
    question = f"{_one_line(request)}\nAssistant:"
    prompt: list[PromptItem] = []
    for shown, text in examples:
        prompt += ["User:", shown, f"{question} {_one_line(text)}\n"]
    prompt += ["User:", picture, question]
    return TaskRequest(prompt, Options(max_new_tokens=30, stop=_NEXT_TURN), _before(_NEXT_TURN))


def visual_question_answering(picture: Image, question: str) -> TaskRequest:
    """A short answer to a question about the picture."""
    prompt: Prompt = [
        "Instruction: Provide an answer to the question. Use the image to answer.\n",
        picture,
        f"Question: {_one_line(question)} Answer:",
    ]
    # Question and answer share a line here, so the next question may follow on it.
    stop = (*_NEXT_INSTRUCTION, "\nQuestion:", " Question:")
    return TaskRequest(prompt, Options(max_new_tokens=20, stop=stop), _before(stop))


def classification(picture: Image, labels: Sequence[str]) -> TaskRequest:
    """One of `labels`, or what the model wrote if that is none of them.

    A label given twice counts once. See `classify_by_rank` for probabilities.

    Raises:
        PromptError: there are no labels or one is empty.
    """
    labels = _distinct(labels)

    def read(text: str) -> str:
        text = _first_line(text).strip("'\" ")
        begun = [label for label in labels if text.casefold().startswith(label.casefold())]
        if begun:
            return max(begun, key=len)
        # A label longer than the token limit was cut off; what there is may still say which.
        cut_off = [label for label in labels if text and label.casefold().startswith(text.casefold())]
        return cut_off[0] if len(cut_off) == 1 else text

    return TaskRequest(
        _classification_prompt(picture, labels), Options(max_new_tokens=6, stop=_NEXT_INSTRUCTION), read
    )


def story(picture: Image) -> TaskRequest:
    """A story made up from the picture."""
    prompt: Prompt = ["Instruction: Use the image to write a story. \n", picture, "Story: \n"]
    stop = (*_NEXT_INSTRUCTION, "\nStory:")
    return TaskRequest(prompt, Options(num_beams=2, max_new_tokens=200, stop=stop), _before(stop))


async def answer(engine: Engine, request: TaskRequest, options: Options | None = None) -> Answer:
    """Asks the engine; `options` replaces the task's own. Errors are those of `Engine.generate`."""
    reply = await engine.generate(request.prompt, request.options if options is None else options)
    return Answer(request.read(reply.text), reply)


async def answer_all(
    engine: Engine, requests: Sequence[TaskRequest], options: Options | None = None
) -> list[Answer]:
    """Asks everything at once, so that the engine can answer it as a batch; the answers are in order.

    The first error ends the other requests and is raised. Errors are those of `Engine.generate`.
    """
    tasks = [asyncio.ensure_future(answer(engine, request, options)) for request in requests]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def classify_by_rank(
    engine: Engine, picture: Image, labels: Sequence[str], *, queue_key: Hashable = None
) -> list[tuple[str, float]]:
    """Each label with its probability among `labels`, most probable first; they add up to 1.

    `Engine.rank` gives the log-probability that the answer is exactly that label, and the probability of
    a label among the labels is its share of their sum. Dividing by the label's length, as is often done,
    would answer another question (how well each token is predicted on average) and favour long labels
    whose last tokens follow from the first: all of "landscape" but its beginning is almost certain.

    Raises:
        PromptError: there are no labels or one is empty; or as in `Engine.rank`.
        EngineError: as in `Engine.rank`.
    """
    labels = _distinct(labels)
    ranked = await engine.rank(_classification_prompt(picture, labels), labels, queue_key=queue_key)
    highest = max(log_probability for _, log_probability in ranked)
    weights = [(label, math.exp(log_probability - highest)) for label, log_probability in ranked]
    total = math.fsum(weight for _, weight in weights)
    return [(label, weight / total) for label, weight in weights]


def _classification_prompt(picture: Image, labels: Sequence[str]) -> list[PromptItem]:
    listed = ", ".join(f"'{label}'" for label in labels)
    instruction = "Classify the following image into a single category from the following list"
    return [f"Instruction: {instruction}: [{listed}].\n", picture, "Category: "]


def _written_turn(content: Sequence[str | Image | Generated]) -> list[str | Image | Generated]:
    """The content with neighbouring texts joined by a space and unable to begin a turn."""
    written: list[str | Image | Generated] = []
    for item in content:
        if isinstance(item, str) and written and isinstance(written[-1], str):
            written[-1] = _without_turns(f"{written[-1]} {item}")
        else:
            written.append(_without_turns(item) if isinstance(item, str) else item)
    return [item for item in written if item != ""]


def _without_turns(text: str) -> str:
    """The text with its line breaks, unless a line would begin like a turn: then on one line."""
    text = text.strip()
    if any(_OPENS_A_TURN.match(line) for line in text.splitlines()[1:]):
        return _one_line(text)
    return text


def _before(stop: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        end = min((text.find(each) for each in stop if each in text), default=len(text))
        return text[:end].strip()

    return read


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "").strip()


def _distinct(labels: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(_one_line(label) for label in labels))
    if not distinct or "" in distinct:
        raise PromptError("Classification needs labels to choose from, none of them empty.")
    return distinct
