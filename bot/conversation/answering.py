"""Asking the model, in each mode, and reading what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from PIL.Image import Image

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import Photo, Place, Remembered
from bot.conversation.prompting import Prompter
from bot.conversation.requests import Part
from bot.conversation.store import Store
from bot.languages.words import ENGLISH, Words
from inference import tasks
from inference.errors import EngineError, PromptError
from inference.prompt import Generated
from inference.surface import Engine, Options, Reply
from inference.tasks import TaskRequest

VARIED_TEMPERATURE = 0.7
"""Of an answer that is asked for once more: without chance it would be the same one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said."""

    parts: tuple[Part, ...]
    mode: Mode
    """What was done: where there is no picture, every mode is a chat."""
    replies: tuple[Reply, ...] = ()
    """One for each thing asked; none where labels were ranked."""
    about_pictures: bool = False
    """The question came with pictures, or replies to a message with some."""

    @property
    def text(self) -> str:
        """Of all parts; may be empty."""
        return listed([part.text for part in self.parts])

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Of `text`, if it belongs into the conversation as it was generated."""
        return self.parts[0].token_ids if self.mode is Mode.CHAT and len(self.parts) == 1 else ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a question is to be answered."""

    own: bool
    """The place is a conversation with the bot: its questions are answered one after the other."""
    first: bool = True
    """It was not answered before: its answer may open a thread."""
    varied: bool = False
    """The answer should be another one than the last."""
    continued: tuple[Part, ...] = ()
    """An answer to the same question that goes on where it ended by its length."""
    words: Words = ENGLISH
    """Of what is said beside the answer."""


class Answerer:
    """Answers questions with one engine."""

    def __init__(self, store: Store, engine: Engine, *, base: bool) -> None:
        """`base`: see `inference.tasks.conversation`."""
        self._engine = engine
        self._prompter = Prompter(store, engine, base=base)
        self.examples = self._prompter.examples

    async def forget(self) -> None:
        """Nothing of what was said or shown is at hand any more, nor in the engine."""
        self._prompter.forget()
        await self._engine.forget()

    async def answer(
        self,
        question: Remembered,
        place: Place,
        settings: ChannelSettings,
        show: Callable[[str], None],
        manner: Manner,
    ) -> Answer:
        """Answers in the place's mode: about each picture by itself, all at once, in their order.

        A mode that needs a picture goes on as a chat about those that were talked about before.

        Args:
            settings: resolved.
            show: is called with all of the text so far whenever there is more of it.

        Raises:
            InferenceError: the message is for the asker.
        """
        photos = await self._prompter.photos_of(question)
        mode = (settings.mode or Mode.CHAT) if photos else Mode.CHAT
        # Askers take turns at the model: a person counts anew in each server.
        asker = (place.server_id, question.author.id)
        if mode is Mode.CLASSIFY:
            parts = await self._classify(photos, settings, asker, manner.words)
            return Answer(parts, mode, about_pictures=True)
        requests = await self._requests(question, place, settings, photos, mode, manner)
        beginning = f"{settings.prefix} " if mode is Mode.PROMPTED_CAPTION else ""
        begun = manner.continued if len(manner.continued) == len(requests) else ()
        answered = await self._answer_each(requests, asker, begun, beginning, show)
        return Answer(
            tuple(part for part, _ in answered),
            mode,
            tuple(reply for _, reply in answered if reply is not None),
            bool(photos),
        )

    async def _requests(
        self,
        question: Remembered,
        place: Place,
        settings: ChannelSettings,
        photos: Sequence[Photo],
        mode: Mode,
        manner: Manner,
    ) -> list[TaskRequest]:
        if mode is not Mode.CHAT:
            requests = await self._prompter.of_each(photos, question.text, settings, place)
        else:
            shown = (
                [replace(question, photos=(photo,)) for photo in photos] if len(photos) > 1 else [question]
            )
            begun = max((len(part.token_ids) for part in manner.continued), default=0)
            requests = [
                await self._prompter.conversation(each, place, settings, own=manner.own, begun=begun)
                for each in shown
            ]
            if not photos and settings.mode not in (Mode.CHAT, None) and not _shows_pictures(requests):
                raise PromptError(
                    manner.words("There is no picture to look at yet: send one, and I will answer about it.")
                )
        return [self._configured(request, settings, varied=manner.varied) for request in requests]

    async def _answer_each(
        self,
        requests: Sequence[TaskRequest],
        asker: Hashable,
        begun: Sequence[Part],
        beginning: str,
        show: Callable[[str], None],
    ) -> list[tuple[Part, Reply | None]]:
        texts = [part.text for part in begun] or [""] * len(requests)

        async def one(position: int, request: TaskRequest) -> tuple[Part, Reply | None]:
            earlier = begun[position] if begun else Part("")
            if begun and not earlier.can_continue:
                return earlier, None
            if begun:
                request = replace(request, prompt=[*request.prompt, Generated(earlier.token_ids)])

            def joined(raw: str) -> str:
                if begun:
                    return request.read(earlier.text + raw)
                text = request.read(raw).strip()
                return text and beginning + text

            def show_one(raw: str) -> None:
                text = joined(raw)
                if text != texts[position]:
                    texts[position] = text
                    show(listed(texts))

            reply = await self._stream(request, asker, show_one)
            texts[position] = joined(reply.text)
            ids = (*earlier.token_ids, *reply.token_ids)
            return Part(texts[position], ids, reply.finish_reason), reply

        return await _together([one(position, request) for position, request in enumerate(requests)])

    async def _stream(self, request: TaskRequest, asker: Hashable, show: Callable[[str], None]) -> Reply:
        raw = ""
        async with aclosing(self._engine.stream(request.prompt, request.options, queue_key=asker)) as stream:
            async for piece in stream:
                raw += piece
                show(raw)
        if stream.reply is None:
            raise EngineError("The answer ended before it was finished: ask again.")
        return stream.reply

    async def _classify(
        self, photos: Sequence[Photo], settings: ChannelSettings, asker: Hashable, words: Words
    ) -> tuple[Part, ...]:
        if not settings.labels:
            raise PromptError(
                words("There are no labels to choose from yet: a moderator sets them with /labels set.")
            )
        pictures = await self._prompter.pictures(photos)
        ranked = await _together(
            [
                tasks.classify_by_rank(self._engine, picture, settings.labels, queue_key=asker)
                for picture in pictures
            ]
        )
        return tuple(
            Part(f"{each[0][0]} ({words.percent(each[0][1])})", ranked=tuple(each)) for each in ranked
        )

    def _configured(self, request: TaskRequest, settings: ChannelSettings, *, varied: bool) -> TaskRequest:
        temperature = settings.temperature or (VARIED_TEMPERATURE if varied else 0.0)
        options: Options = replace(
            request.options,
            max_new_tokens=self._prompter.answer_length(request, settings),
            temperature=temperature,
            num_beams=1 if temperature else request.options.num_beams,
        )
        return replace(request, options=options)


def listed(texts: Sequence[str]) -> str:
    """One text as it is, several as numbered lines; empty if there is none yet."""
    if len(texts) == 1:
        return texts[0]
    return "\n".join(f"{number}. {text or '…'}" for number, text in enumerate(texts, 1)) if any(texts) else ""


def _shows_pictures(requests: Sequence[TaskRequest]) -> bool:
    return any(isinstance(item, Image) for request in requests for item in request.prompt)


async def _together(awaitables: Sequence[Awaitable[T]]) -> list[T]:
    """All results, in order. The first error ends the others and is raised."""
    if len(awaitables) == 1:
        return [await awaitables[0]]
    running = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        return await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
