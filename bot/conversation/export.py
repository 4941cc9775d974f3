"""All that is kept of a person, as files for that person."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from bot.conversation.messages import Remembered
from bot.conversation.personal import Beside, PersonalStore, Said

_AT_A_TIME = 500
_ROOM = 100_000
"""Bytes that an archive needs beside its pictures, and that the names of those take."""


class ExportedStore(PersonalStore, Protocol):
    async def photo_data(self, sha256: str) -> bytes | None: ...


async def export(store: ExportedStore, person_id: int, most_bytes: int) -> AsyncIterator[bytes]:
    """Zip archives of at most `most_bytes`, as long as texts do not need more, each of which is whole.

    `pictures/` holds the pictures as they are kept. `data.json`, in the last archive, holds what the person
    said and was answered, oldest first, ids as texts, and names them; and the examples and votes.
    """
    writer = _Archives(most_bytes)
    written: set[str] = set()

    async def picture(sha256: str) -> AsyncIterator[bytes]:
        data = None if sha256 in written else await store.photo_data(sha256)
        if data is not None:
            written.add(sha256)
            async for full in writer.add(_name(sha256), data, ZIP_STORED):
                yield full

    messages: list[dict[str, Any]] = []
    async for said in _all_of(store, person_id):
        for photo in said.message.photos:
            async for full in picture(photo.sha256):
                yield full
        messages.append(_entry(said))
    beside = await store.kept_beside(person_id)
    for shown, _ in beside.examples:
        if shown is not None:
            async for full in picture(shown.sha256):
                yield full
    content = {
        "person": str(person_id),
        "opted_out": await store.has_opted_out(person_id),
        "messages": messages,
        **_further(beside),
    }
    text = await asyncio.to_thread(json.dumps, content, ensure_ascii=False, indent=2)
    async for full in writer.add("data.json", text.encode(), ZIP_DEFLATED):
        yield full
    yield writer.finish()


class _Archives:
    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._begin()

    def _begin(self) -> None:
        self._file = io.BytesIO()
        self._archive = ZipFile(self._file, "w", ZIP_DEFLATED)

    async def add(self, name: str, data: bytes, how: int) -> AsyncIterator[bytes]:
        """Adds a file; if there is no room for it, what there is so far comes out first."""
        begun = self._file.tell()
        if begun and begun + len(data) + _ROOM > self._most_bytes:
            yield self.finish()
            self._begin()
        await asyncio.to_thread(self._archive.writestr, name, data, how)

    def finish(self) -> bytes:
        self._archive.close()
        return self._file.getvalue()


async def _all_of(store: PersonalStore, person_id: int) -> AsyncIterator[Said]:
    after = 0
    while some := await store.said_by(person_id, after, _AT_A_TIME):
        for said in some:
            yield said
        after = some[-1].message.id


def _entry(said: Said) -> dict[str, Any]:
    place, message = said.place, said.message
    return {
        "id": str(message.id),
        "time": message.created_at.isoformat(),
        "server": None if place.server_id is None else str(place.server_id),
        "channel": str(place.id),
        "name": message.author.name,
        "text": message.text,
        "pictures": [_name(photo.sha256) for photo in message.photos],
        "answer": _answer(said.answer),
    }


def _answer(answer: Remembered | None) -> dict[str, str] | None:
    if answer is None:
        return None
    return {"id": str(answer.id), "time": answer.created_at.isoformat(), "text": answer.text}


def _further(beside: Beside) -> dict[str, Any]:
    return {
        "examples": [
            {"picture": None if photo is None else _name(photo.sha256), "answer": answer}
            for photo, answer in beside.examples
        ],
        "votes": [
            {"question": str(question_id), "liked": liked} for question_id, liked in beside.votes.items()
        ],
    }


def _name(sha256: str) -> str:
    return f"pictures/{sha256}.webp"
