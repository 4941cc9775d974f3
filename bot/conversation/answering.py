"""Asking the model, in each mode, and reading what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from PIL.Image import Image

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import Place, Remembered
from bot.conversation.ports import Store
from bot.conversation.prompting import Prompter
from inference import tasks
from inference.errors import EngineError, PromptError
from inference.surface import Engine, Options, Reply
from inference.tasks import TaskRequest

VARIED_TEMPERATURE = 0.7
"""Of an answer that is asked for once more: without chance it would be the same one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said: `text` may be empty."""

    text: str
    replies: tuple[Reply, ...] = ()
    """One for each thing asked; none where labels were ranked."""
    token_ids: tuple[int, ...] = ()
    """Of `text`, if it is one reply's and belongs into the conversation as it was generated."""
    about_pictures: bool = False
    """The question came with pictures, or replies to a message with some."""


class Answerer:
    """Answers questions with one engine."""

    def __init__(self, store: Store, engine: Engine, *, base: bool) -> None:
        """`base`: see `inference.tasks.conversation`."""
        self._engine = engine
        self._prompter = Prompter(store, engine, base=base)

    def forget(self) -> None:
        """Nothing of what was said or shown is at hand any more."""
        self._prompter.forget()

    async def answer(
        self,
        question: Remembered,
        place: Place,
        settings: ChannelSettings,
        show: Callable[[str], None],
        *,
        own: bool,
        varied: bool,
    ) -> Answer:
        """Answers in the place's mode; one that needs a picture goes on as a chat where there is none.

        Several pictures are asked about at once and answered in one text, line by line.

        Args:
            settings: resolved.
            show: is called with all of the text so far whenever there is more of it.
            own: the place is a conversation with the bot.
            varied: the answer should be another one than the last.

        Raises:
            InferenceError: the message is for the asker.
        """
        photos = await self._prompter.photos_of(question)
        if settings.mode is Mode.CHAT or not photos:
            request = await self._prompter.conversation(question, place, settings, own=own)
            request = self._configured(request, settings, varied=varied)
            text, reply = await self._stream(request, show)
            return Answer(text, (reply,), reply.token_ids, bool(photos))
        if settings.mode is Mode.CLASSIFY:
            pictures = await self._prompter.pictures(photos)
            return Answer(await self._classify(pictures, settings.labels or ()), about_pictures=True)
        requests = await self._prompter.of_each(photos, question.text, settings)
        configured = [self._configured(request, settings, varied=varied) for request in requests]
        beginning = f"{settings.prefix} " if settings.mode is Mode.PROMPTED_CAPTION else ""
        return await self._answer_each(configured, beginning, show)

    async def _answer_each(
        self, requests: Sequence[TaskRequest], beginning: str, show: Callable[[str], None]
    ) -> Answer:
        texts = [""] * len(requests)

        def show_at(position: int) -> Callable[[str], None]:
            def show_one(text: str) -> None:
                texts[position] = text and beginning + text
                show(_listed(texts))

            return show_one

        answered = await _together(
            [self._stream(request, show_at(position)) for position, request in enumerate(requests)]
        )
        texts = [text and beginning + text for text, _ in answered]
        return Answer(_listed(texts), tuple(reply for _, reply in answered), about_pictures=True)

    async def _stream(self, request: TaskRequest, show: Callable[[str], None]) -> tuple[str, Reply]:
        raw, shown = "", ""
        async with aclosing(self._engine.stream(request.prompt, request.options)) as stream:
            async for piece in stream:
                raw += piece
                text = request.read(raw).strip()
                if text != shown:
                    shown = text
                    show(text)
        if stream.reply is None:
            raise EngineError("The answer ended before it was finished: ask again.")
        return request.read(stream.reply.text).strip(), stream.reply

    async def _classify(self, pictures: Sequence[Image], labels: Sequence[str]) -> str:
        if not labels:
            raise PromptError("There are no labels to choose from yet: set some for this place.")
        ranked = await _together(
            [tasks.classify_by_rank(self._engine, picture, labels) for picture in pictures]
        )
        return _listed([_ranking(each) for each in ranked])

    def _configured(self, request: TaskRequest, settings: ChannelSettings, *, varied: bool) -> TaskRequest:
        temperature = settings.temperature or (VARIED_TEMPERATURE if varied else 0.0)
        options: Options = replace(
            request.options,
            max_new_tokens=self._prompter.answer_length(request, settings),
            temperature=temperature,
            num_beams=1 if temperature else request.options.num_beams,
        )
        return replace(request, options=options)


def _listed(texts: Sequence[str]) -> str:
    """One text as it is, several as numbered lines; empty if there is none yet."""
    if len(texts) == 1:
        return texts[0]
    return "\n".join(f"{number}. {text or '…'}" for number, text in enumerate(texts, 1)) if any(texts) else ""


def _ranking(ranked: Sequence[tuple[str, float]]) -> str:
    shares = ", ".join(f"{label} {share:.0%}" for label, share in ranked)
    return f"{ranked[0][0]} ({shares})"


async def _together(awaitables: Sequence[Awaitable[T]]) -> list[T]:
    """All results, in order. The first error ends the others and is raised."""
    running = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        return await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
