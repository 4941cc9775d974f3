"""All that is kept of a person, as a file for that person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import IO, Any, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from bot.conversation.messages import Remembered
from bot.conversation.personal import PersonalStore, Said

_AT_A_TIME = 500


class ExportedStore(PersonalStore, Protocol):
    async def photo_data(self, sha256: str) -> bytes | None: ...


async def export(store: ExportedStore, person_id: int, file: IO[bytes]) -> int:
    """Writes a zip archive of what the person said and was answered; returns how many messages there are.

    `data.json` holds the messages, oldest first, ids as texts; `pictures/` the pictures that it names, as
    they are kept.
    """
    messages: list[dict[str, Any]] = []
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        written: set[str] = set()
        async for said in _all_of(store, person_id):
            for photo in said.message.photos:
                data = None if photo.sha256 in written else await store.photo_data(photo.sha256)
                if data is not None:
                    written.add(photo.sha256)
                    await asyncio.to_thread(archive.writestr, _name(photo.sha256), data, ZIP_STORED)
            messages.append(_entry(said))
        content = {
            "person": str(person_id),
            "opted_out": await store.has_opted_out(person_id),
            "messages": messages,
        }
        text = json.dumps(content, ensure_ascii=False, indent=2)
        await asyncio.to_thread(archive.writestr, "data.json", text)
    return len(messages)


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


def _name(sha256: str) -> str:
    return f"pictures/{sha256}.webp"
