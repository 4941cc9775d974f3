"""Messages, pictures and places for the store's tests."""

from __future__ import annotations

import hashlib
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from bot.conversation.messages import (
    Message,
    Origin,
    Person,
    Photo,
    Place,
    PlaceKind,
    Remembered,
    StoredPhoto,
)
from bot.conversation.requests import Outcome, Request, RequestState
from bot.store.repository import SqlStore

ANNA, BEN = Person(1, "Anna"), Person(2, "Ben")
SERVER = 10
CHANNEL = Place(100, PlaceKind.CHANNEL, SERVER)
OTHER_CHANNEL = Place(200, PlaceKind.CHANNEL, SERVER)
DIRECT = Place(300, PlaceKind.DIRECT)
FOREIGN_CHANNEL = Place(400, PlaceKind.CHANNEL, 20)
LATEST = (1 << 63) - 1


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def open_store(folder: Path) -> AbstractAsyncContextManager[SqlStore]:
    return SqlStore.open(url_of(folder / "store.sqlite3"))


def said(id: int, text: str = "", place: Place = CHANNEL, author: Person = ANNA, **other: Any) -> Message:
    return Message(id, place, author, Origin.PERSON, text or f"Text {id}", **other)


def picture(data: bytes) -> StoredPhoto:
    return StoredPhoto(Photo(hashlib.sha256(data).hexdigest(), 30, 20), data)


def thread_of(question: Message) -> Place:
    return Place(question.id, PlaceKind.THREAD, question.place.server_id, question.place.id)


def done(text: str, *token_ids: int) -> Outcome:
    return Outcome(RequestState.DONE, text, token_ids, "end")


async def asked(store: SqlStore, question: Message, *photos: StoredPhoto) -> Request:
    request = await store.open_request(question, photos)
    assert request is not None
    return request


async def answered(store: SqlStore, question: Message, text: str, *answer_ids: int) -> Request:
    """The question was asked, and answered in messages with these ids."""
    request = await asked(store, question)
    await store.start_request(request.id)
    for message_id in answer_ids:
        await store.add_answer_message(request.id, message_id)
    await store.finish_request(request.id, done(text, 5, 6))
    return request


async def history(store: SqlStore, place: Place, before: int = LATEST, limit: int = 50) -> list[Remembered]:
    return await store.history(place, before, limit)


async def texts(store: SqlStore, place: Place, before: int = LATEST, limit: int = 50) -> list[str]:
    return [message.text for message in await history(store, place, before, limit)]
