"""Pictures that come with a request: read, limited and normalised one after the other, then handed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from aiohttp import BodyPartReader, MultipartReader, web

from bot.conversation.messages import PhotoOffer, SkippedPhoto, StoredPhoto
from bot.conversation.photos import normalise, too_large
from bot.languages.words import sentence
from bot.web.refusing import Refused

MAX_PHOTOS = 10
MAX_FIELD_BYTES = 32_000
MAX_PARTS = 50
_PHOTO = "photo"
_TOO_MANY = sentence("A message has at most {most} pictures.", most=MAX_PHOTOS)
_GONE = sentence("It is no longer there: send it again.")


@dataclass(slots=True)
class Form:
    """What was filled in: texts by name, pictures in their order."""

    texts: dict[str, str] = field(default_factory=dict)
    photos: list[StoredPhoto | SkippedPhoto] = field(default_factory=list)


async def read_form(request: web.Request, decoders: Executor, *, max_bytes: int) -> Form:
    """Reads a multipart form; `max_bytes` limits each picture.

    A picture is normalised before the next one is read, so that many large ones need little memory.

    Raises:
        Refused: it is no such form, or a text in it is too long.
    """
    if not request.content_type.startswith("multipart/"):
        raise Refused(415, "Send a multipart form.")
    form = Form()
    parts = 0
    async for part in _parts(request):
        parts += 1
        if parts > MAX_PARTS:
            raise Refused(413, "A form has at most {most} parts.", most=MAX_PARTS)
        if not isinstance(part, BodyPartReader):
            raise Refused(400, "The form cannot be read.")
        if part.name != _PHOTO:
            form.texts[part.name or ""] = await _text(part)
            continue
        name = (part.filename or "picture")[:100]
        data = await _bytes(part, max_bytes if len(form.photos) < MAX_PHOTOS else 0)
        if len(form.photos) >= MAX_PHOTOS:
            form.photos.append(SkippedPhoto(name, _TOO_MANY))
        elif data is None:
            form.photos.append(SkippedPhoto(name, too_large(max_bytes)))
        else:
            loop = asyncio.get_running_loop()
            form.photos.append(await loop.run_in_executor(decoders, normalise, data, name))
    return form


class HeldPhotos:
    """A `PhotoFetcher` for pictures that are here already."""

    def __init__(self) -> None:
        self._held: dict[str, StoredPhoto | SkippedPhoto] = {}
        self._numbers = count()

    @contextmanager
    def hold(self, photos: Sequence[StoredPhoto | SkippedPhoto]) -> Iterator[tuple[PhotoOffer, ...]]:
        """Offers for `photos`, which can be fetched within the block."""
        held = {f"held:{next(self._numbers)}": photo for photo in photos}
        self._held |= held
        try:
            yield tuple(
                PhotoOffer(url, photo.name if isinstance(photo, SkippedPhoto) else "picture")
                for url, photo in held.items()
            )
        finally:
            for url in held:
                del self._held[url]

    async def fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        return self._held.get(offer.url, SkippedPhoto(offer.name, _GONE))


async def _parts(request: web.Request) -> AsyncIterator[MultipartReader | BodyPartReader]:
    with _explained():
        reader = await request.multipart()
    while True:
        with _explained():
            part = await reader.next()
        if part is None:
            return
        yield part


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what aiohttp raises for a form that is broken, or ends early, into a Refused."""
    try:
        yield
    except (ValueError, web.RequestPayloadError) as error:
        raise Refused(400, "The form cannot be read.") from error


async def _text(part: BodyPartReader) -> str:
    data = await _bytes(part, MAX_FIELD_BYTES)
    if data is None:
        raise Refused(413, "That is too long: shorten it.")
    return data.decode("utf-8", "replace")


async def _bytes(part: BodyPartReader, most: int) -> bytes | None:
    """The part's bytes; None, with the part read to its end, if it has more than `most`."""
    data = bytearray()
    too_many = False
    while True:
        with _explained():
            chunk = await part.read_chunk(64 * 1024)
        if not chunk:
            break
        too_many = too_many or len(data) + len(chunk) > most
        if not too_many:
            data += chunk
    return None if too_many else bytes(data)
