"""`idefics-bot ask`: a question or task about pictures, answered once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from PIL.Image import Image
from rich.console import Console

from bot.cli.arguments import find_pictures, pictures_and_text
from bot.cli.model import opened
from bot.cli.options import ModelChoice, Sampling, TaskChoice
from bot.cli.output import AnswerRecord, print_answers, print_bars
from bot.cli.task_requests import check, examples_of, labels_of, requests_of
from bot.conversation.checkpoints import was_trained_on_turns
from inference import tasks
from inference.surface import Engine
from inference.tasks import TaskRequest


def ask(
    arguments: Sequence[str], task: TaskChoice, model: ModelChoice, sampling: Sampling, *, as_json: bool
) -> None:
    """Does `task` with the pictures and the text among `arguments`, and prints the answers.

    Raises:
        InputError, InferenceError: see `bot.cli.failures.exit_status`.
    """
    images, text = pictures_and_text(arguments)
    check(task, images, text)
    examples = examples_of(task)
    files = find_pictures(images)

    def requests(size: int, *, base: bool) -> list[TaskRequest]:
        pictures = [file.fitted(size) for file in files]
        shown = [(file.fitted(size), answer) for file, answer in examples]
        return [
            replace(request, options=sampling.applied_to(request.options))
            for request in requests_of(task, pictures, text, shown, base=base)
        ]

    requests(1, base=False)  # what is wrong with them or a picture is told before a model is loaded

    async def answered() -> list[AnswerRecord]:
        stderr = Console(stderr=True)
        async with opened(model, stderr) as engine:
            with stderr.status("Looking …") if stderr.is_terminal else nullcontext():
                wanted = requests(engine.picture_size, base=not was_trained_on_turns(engine))
                if task.mode == "classify" and task.by != "generation":
                    return await _ranked(engine, labels_of(task), wanted)
                return await _generated(engine, wanted)

    answers = asyncio.run(answered())
    print_answers(answers, as_json=as_json)
    stderr = Console(stderr=True)
    if stderr.is_terminal and not as_json:
        print_bars(answers, stderr)


async def _generated(engine: Engine, requests: Sequence[TaskRequest]) -> list[AnswerRecord]:
    start = time.perf_counter()
    answers = await tasks.answer_all(engine, requests)
    seconds = time.perf_counter() - start
    return [
        AnswerRecord(
            text=answer.text,
            finish_reason=answer.reply.finish_reason,
            prompt_tokens=answer.reply.prompt_tokens,
            completion_tokens=answer.reply.completion_tokens,
            cached_tokens=answer.reply.cached_tokens,
            seconds=round(seconds, 3),
        )
        for answer in answers
    ]


async def _ranked(
    engine: Engine, labels: Sequence[str], requests: Sequence[TaskRequest]
) -> list[AnswerRecord]:
    start = time.perf_counter()
    rankings = await asyncio.gather(
        *(
            tasks.classify_by_rank(engine, item, labels)
            for request in requests
            for item in request.prompt
            if isinstance(item, Image)
        )
    )
    seconds = time.perf_counter() - start
    return [
        AnswerRecord(
            text=ranking[0][0],
            finish_reason="stop",
            prompt_tokens=engine.count_tokens(request.prompt),
            completion_tokens=0,  # labels are weighed, nothing is written
            cached_tokens=0,
            seconds=round(seconds, 3),
            ranked=dict(ranking),
        )
        for ranking, request in zip(rankings, requests, strict=True)
    ]
