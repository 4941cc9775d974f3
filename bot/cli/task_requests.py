"""From a mode and its options, as typed, to the requests of `inference.tasks`."""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence

from PIL.Image import Image

from bot.cli.arguments import PictureFile, find_pictures, well_formed
from bot.cli.failures import InputError
from bot.cli.options import Mode, TaskChoice
from bot.conversation.budget import MAX_PICTURES
from bot.conversation.inputs import split_labels
from bot.conversation.turns import OPENING_QUESTION
from inference import tasks
from inference.tasks import TaskRequest, Turn


def check(task: TaskChoice, images: Sequence[str], text: str | None) -> None:
    """Checks that the mode has what it needs and nothing that it would ignore.

    Raises:
        InputError: it does not; the message says what to add or to leave out.
    """
    typed: list[tuple[str, Mode, object]] = [
        ("--labels", "classify", task.labels),
        ("--by", "classify", task.by),
        ("--prefix", "prompted-caption", task.prefix),
        ("--example", "few-shot", task.examples or None),
    ]
    for option, mode, value in typed:
        if value is not None and task.mode != mode:
            raise InputError(f"{option} goes with --mode {mode}: add that, or leave {option} out.")
    if text is not None and not text.strip():
        raise InputError("The text is empty: write something, or leave it out.")
    match task.mode:
        case "chat" if not images and text is None:
            raise InputError('Give a picture, a question or both: idefics-bot ask house.png "What is this?".')
        case "chat" if len(images) > MAX_PICTURES:
            raise InputError(
                f"One message takes {MAX_PICTURES} pictures at most, not {len(images)}: leave some out, or "
                "have each answered by itself with --mode vqa."
            )
        case "caption" | "prompted-caption" | "classify" | "story" if text is not None:
            raise InputError(f"--mode {task.mode} takes no text: leave it out, or ask with --mode vqa.")
        case "vqa" if text is None:
            raise InputError('--mode vqa needs a question: add one in quotes, such as "What colour is it?".')
        case "classify" if task.labels is None:
            raise InputError("--mode classify needs the labels to choose from: add --labels cat,dog,other.")
        case "few-shot" if not task.examples:
            raise InputError("--mode few-shot needs an example: add --example house.png='A red house.'.")
    if task.mode != "chat" and not images:
        raise InputError(f"--mode {task.mode} needs a picture: name a picture file.")


def requests_of(
    task: TaskChoice,
    pictures: Sequence[Image],
    text: str | None,
    examples: Sequence[tuple[Image, str]],
    *,
    base: bool,
) -> list[TaskRequest]:
    """What to ask the model: one request per picture, in `chat` one about all of them.

    `base` says that the model was not trained on turns (see `tasks.conversation`).

    Raises:
        PromptError: a label is empty.
    """
    match task.mode:
        case "chat":
            question = Turn("User", (*pictures, OPENING_QUESTION if text is None else text))
            return [tasks.conversation([question], base=base)]
        case "caption":
            return [tasks.captioning(picture) for picture in pictures]
        case "prompted-caption":
            wording = {} if task.prefix is None else {"prefix": well_formed(task.prefix)}
            return [tasks.prompted_captioning(picture, **wording) for picture in pictures]
        case "vqa":
            return [tasks.visual_question_answering(picture, text or "") for picture in pictures]
        case "classify":
            return [tasks.classification(picture, labels_of(task)) for picture in pictures]
        case "few-shot":
            wording = {} if text is None else {"request": text}
            return [tasks.few_shot(examples, picture, **wording) for picture in pictures]
        case "story":
            return [tasks.story(picture) for picture in pictures]


def labels_of(task: TaskChoice) -> list[str]:
    """The labels of `--labels`.

    Raises:
        InputError: one is empty.
    """
    written = well_formed(task.labels or "")
    if re.search(r"(^|,)\s*(,|$)", written):
        raise InputError("Classification needs labels to choose from, none of them empty.")
    return split_labels(written)


def examples_of(task: TaskChoice) -> list[tuple[PictureFile, str]]:
    """The pictures and answers of `--example`.

    Raises:
        InputError: one is not written IMAGE=ANSWER.
    """
    parts = [_example(written) for written in task.examples]
    for (image, answer), example in zip(parts, task.examples, strict=True):
        if not image or not answer.strip():
            raise InputError(
                f"Write an example as a picture and its answer, house.png='A red house.', not {example!r}."
            )
    files = find_pictures([image for image, _ in parts])
    return [(file, well_formed(answer)) for file, (_, answer) in zip(files, parts, strict=True)]


def _example(written: str) -> tuple[str, str]:
    """The picture and the answer of IMAGE=ANSWER; either may hold another = if there is such a picture."""
    cuts = [at for at, character in enumerate(written) if character == "="]
    cut = next((at for at in cuts if os.path.isfile(written[:at])), cuts[0] if cuts else len(written))
    return written[:cut], written[cut + 1 :]
