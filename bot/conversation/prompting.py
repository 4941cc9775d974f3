"""From a question in the store to what the model is asked."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Sequence

from PIL import Image

from bot.conversation.budget import ANY_PICTURE, Budget
from bot.conversation.channel_settings import ChannelSettings, History, Mode
from bot.conversation.few_shot import fitting
from bot.conversation.keeping import Example
from bot.conversation.messages import Photo, Place, Remembered
from bot.conversation.recent import Recent
from bot.conversation.store import Store
from bot.conversation.turns import OPENING_QUESTION, exchanges, turns_of
from bot.conversation.window import replied_message, window
from inference import tasks
from inference.surface import Engine
from inference.tasks import TaskRequest, Turn

_DECODED_PICTURES = 64
"""Kept at hand; of 768 by 768 pixels they take 110 MB."""


class Album:
    """The pictures of the store, decoded; those used last are at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._decoded: Recent[str, Image.Image] = Recent(_DECODED_PICTURES)

    async def pictures(self, photos: Iterable[Photo]) -> dict[str, Image.Image]:
        """By hash; one that was forgotten meanwhile is left out."""
        found: dict[str, Image.Image] = {}
        for photo in photos:
            picture = self._decoded.get(photo.sha256)
            if picture is None:
                data = await self._store.photo_data(photo.sha256)
                if data is None:
                    continue
                picture = await asyncio.to_thread(_decode, data)
                self._decoded[photo.sha256] = picture
            found[photo.sha256] = picture
        return found

    def forget(self) -> None:
        """None is at hand any more."""
        self._decoded.clear()


class Prompter:
    """Writes the prompts of conversations and of the other tasks."""

    def __init__(self, store: Store, engine: Engine, *, base: bool) -> None:
        """`base`: see `inference.tasks.conversation`."""
        self._store = store
        self._engine = engine
        self._base = base
        self._budget = Budget(engine, base=base)
        self._album = Album(store)

    def forget(self) -> None:
        """Nothing of what was said or shown is at hand any more."""
        self._budget.forget()
        self._album.forget()

    async def photos_of(self, question: Remembered) -> tuple[Photo, ...]:
        """The question's own pictures, else those of the person's message that it replies to."""
        if question.photos:
            return question.photos
        replied_to = await replied_message(self._store, question)
        return replied_to.photos if replied_to is not None else ()

    async def conversation(
        self, question: Remembered, place: Place, settings: ChannelSettings, *, own: bool, begun: int = 0
    ) -> TaskRequest:
        """The question with what was said before, as much as there is room for.

        Args:
            own: the place is a conversation with the bot, where everything counts.
            begun: tokens of the answer that are there already.
        """
        shown = await window(self._store, question, place, settings.history or History.OFF, own=own)
        request = tasks.conversation([Turn("User", ())], base=self._base)
        length = begun + self.answer_length(request, settings)
        kept = self._budget.fit(place.id, exchanges(shown.messages), length, cut_off=shown.cut_off)
        pictures = await self._album.pictures(photo for exchange in kept for photo in exchange.photos)
        return tasks.conversation(turns_of(kept, pictures), base=self._base)

    async def of_each(
        self, photos: Iterable[Photo], text: str, settings: ChannelSettings, place: Place
    ) -> list[TaskRequest]:
        """The mode's task for each picture, in order; not for `chat` and `classify`."""
        shown = await self._examples(place, settings) if settings.mode is Mode.FEW_SHOT else []
        return [self._task(picture, text.strip(), settings, shown) for picture in await self.pictures(photos)]

    async def pictures(self, photos: Iterable[Photo]) -> list[Image.Image]:
        """The pictures in order, without those that were forgotten meanwhile."""
        photos = list(photos)
        found = await self._album.pictures(photos)
        return [found[photo.sha256] for photo in photos if photo.sha256 in found]

    def answer_length(self, request: TaskRequest, settings: ChannelSettings) -> int:
        """Tokens that the answer may have: half of the context at most, the rest is the prompt's."""
        wanted = settings.max_new_tokens or request.options.max_new_tokens
        return min(wanted, self._engine.context_length // 2)

    async def examples(self, place: Place, settings: ChannelSettings) -> tuple[list[Example], list[Example]]:
        """The examples that hold in a place: those that the model is shown, and those that are dropped."""
        length = self.answer_length(tasks.few_shot((), ANY_PICTURE), settings)
        return fitting(self._engine, await self._store.examples(place.scopes), length)

    async def _examples(self, place: Place, settings: ChannelSettings) -> list[tuple[Image.Image, str]]:
        shown, _ = await self.examples(place, settings)
        found = await self._album.pictures(example.photo for example in shown)
        return [
            (found[example.photo.sha256], example.answer)
            for example in shown
            if example.photo.sha256 in found
        ]

    def _task(
        self,
        picture: Image.Image,
        text: str,
        settings: ChannelSettings,
        examples: Sequence[tuple[Image.Image, str]],
    ) -> TaskRequest:
        match settings.mode:
            case Mode.CAPTION:
                return tasks.captioning(picture)
            case Mode.PROMPTED_CAPTION:
                return tasks.prompted_captioning(picture, settings.prefix or "")
            case Mode.STORY:
                return tasks.story(picture)
            case Mode.FEW_SHOT:
                return tasks.few_shot(examples, picture, **({"request": text} if text else {}))
            case Mode.VQA:
                return tasks.visual_question_answering(picture, text or OPENING_QUESTION)
            case _:
                raise ValueError(f"{settings.mode} is not asked picture by picture.")


def _decode(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")
