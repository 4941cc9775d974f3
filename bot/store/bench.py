"""How fast a full store is: `python -m bot.store.bench`."""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import cache
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

from PIL import Image
from sqlalchemy import create_engine, insert

from bot.conversation.channel_settings import DEFAULTS, History
from bot.conversation.messages import Message, Origin, Person, Photo, Place, PlaceKind, StoredPhoto
from bot.conversation.prompting import Prompter
from bot.conversation.requests import Outcome, RequestState
from bot.conversation.window import HISTORY_LIMIT, window
from bot.store import tables
from bot.store.repository import SqlStore
from inference import load_engine
from inference.surface import Engine

SERVER = 1
CHANNELS = 20
PEOPLE = 200
WINDOW = 50
"""Messages that a prompt is assembled from."""
ANSWER = "A red house and a tree; the sun is above them."
ANSWER_TOKENS = tuple(range(60))
PHOTO_SIZE = (768, 512)
FIRST_ID = 1 << 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="how many the store holds")
    parser.add_argument("--repeats", type=int, default=500, help="how often each thing is done")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder, "bench.sqlite3"), arguments.messages, arguments.repeats))


async def measure(path: Path, messages: int, repeats: int) -> dict[str, float]:
    """Fills a store at `path`; prints and returns what its main methods take, median milliseconds."""
    url = f"sqlite+aiosqlite:///{path}"
    async with SqlStore.open(url):
        pass
    fill(path, messages)
    async with SqlStore.open(url) as store, load_engine("demo") as engine:
        work = Work(store, engine, messages)
        print(f"{messages:,} messages; in milliseconds, {repeats} times each")
        print(f"{'':34}{'median':>8}{'p99':>8}{'per s':>8}")
        return {
            what: await timed(what, do, repeats)
            for what, do in {
                f"history of {WINDOW} messages": work.history,
                f"all that {HISTORY_LIMIT} messages mean for one": work.understood,
                "prompt of a follow-up": work.follow_up,
                "first prompt after a start": work.first_prompt,
                "message recorded": work.record,
                "message with a picture recorded": work.record_photo,
                "request, from opened to finished": work.answer,
            }.items()
        }


class Work:
    """What is measured: each method does it once, with other messages each time."""

    def __init__(self, store: SqlStore, engine: Engine, messages: int) -> None:
        """`messages`: how many the store holds, as `fill` wrote them."""
        self._store = store
        self._engine = engine
        self._messages = messages
        self._draw = random.Random(0)
        self._known = Prompter(store, engine, base=False)
        self._end = end = FIRST_ID + 2 * messages
        self._new = count(end, 2)
        # One question after the other in the same place, as in a conversation.
        self._asked = iter(range(FIRST_ID + 2 * (messages // 2 // CHANNELS * CHANNELS), end, 2 * CHANNELS))

    async def history(self) -> None:
        # From the newer half, so that every window is full.
        before = self._draw.randrange(FIRST_ID + self._messages, self._end)
        await self._store.history(message_of(self._draw.randrange(CHANNELS)).place, before, WINDOW)

    async def understood(self) -> None:
        # A place without pictures, so that one is looked for everywhere: the longest way there is.
        number = self._draw.randrange(self._messages // 2, self._messages) // CHANNELS * CHANNELS + 1
        question = await self._store.message(FIRST_ID + 2 * number)
        assert question is not None
        place = message_of(question.id).place
        await window(self._store, question, place, History.ALL, own=True)

    async def follow_up(self) -> None:
        await self._prompted(self._known)

    async def first_prompt(self) -> None:
        await self._prompted(Prompter(self._store, self._engine, base=False))

    async def record(self) -> None:
        await self._store.record_message(message_of(next(self._new)), [], addressed=False)

    async def record_photo(self) -> None:
        message = message_of(next(self._new))
        photo = StoredPhoto(photo_of(message), picture())
        await self._store.record_message(message, [photo], addressed=True)

    async def answer(self) -> None:
        number = self._draw.randrange(self._messages // 2, self._messages - CHANNELS)
        number += 0 if is_unanswered(number) else CHANNELS
        question = message_of(FIRST_ID + 2 * number)
        request = await self._store.open_request(question, [])
        if request is not None:
            await self._store.start_request(request.id)
            await self._store.add_answer_message(request.id, question.id + 1)
            await self._store.finish_request(request.id, Outcome(RequestState.DONE, ANSWER, ANSWER_TOKENS))

    async def _prompted(self, prompter: Prompter) -> None:
        question = await self._store.message(next(self._asked))
        assert question is not None
        place = message_of(question.id).place
        request = await prompter.conversation(question, place, DEFAULTS, own=True)
        assert len(request.prompt) > 2


async def timed(what: str, work: Callable[[], Awaitable[None]], repeats: int) -> float:
    await work()  # connections are opened when they are first used
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - start)
    steps = quantiles(seconds, n=100)
    print(f"{what:34}{steps[49] * 1e3:8.2f}{steps[98] * 1e3:8.2f}{len(seconds) / sum(seconds):8.0f}")
    return steps[49] * 1e3


def message_of(id: int) -> Message:
    """The message with this id, whose place and author follow from it."""
    place = Place(1000 + id // 2 % CHANNELS, PlaceKind.CHANNEL, SERVER)
    author = Person(id // 2 % PEOPLE, f"Person {id // 2 % PEOPLE}")
    text = f"What is on the left, and what colour is it? I think it is number {id % 99_991}."
    return Message(id, place, author, Origin.PERSON, text)


def photo_of(message: Message) -> Photo:
    return Photo(f"{message.id:064x}", *PHOTO_SIZE)


def is_unanswered(number: int) -> bool:
    """Every second message of a channel."""
    return number // CHANNELS % 2 == 0


@cache
def picture() -> bytes:
    """A file of some 40 kB, about as large as a photo's."""
    noise = Image.effect_noise((200, 150), 60).convert("RGB").resize(PHOTO_SIZE)
    file = io.BytesIO()
    noise.save(file, "WEBP", quality=60)
    return file.getvalue()


def fill(path: Path, messages: int) -> None:
    """Writes that many messages of one server: every second is answered.

    In every second channel each fifth shows a picture.
    """
    rows: dict[type[tables.Base], list[dict[str, Any]]] = {
        tables.ServerRow: [{"id": SERVER}],
        tables.PersonRow: [{"id": id, "name": f"Person {id}"} for id in range(PEOPLE)],
        tables.ChannelRow: [
            {"id": 1000 + number, "kind": PlaceKind.CHANNEL, "server_id": SERVER}
            for number in range(CHANNELS)
        ],
        tables.MessageRow: [],
        tables.PhotoRow: [],
        tables.MessagePhotoRow: [],
        tables.RequestRow: [],
        tables.RequestAnswerRow: [],
    }
    for number in range(messages):
        message = message_of(FIRST_ID + 2 * number)
        facts = {"place_id": message.place.id, "text": message.text, "origin": message.origin}
        flags = {"addressed": True, "mentions_bot": True, "replies_to_bot": False}
        rows[tables.MessageRow].append({"id": message.id, "author_id": message.author.id, **facts, **flags})
        if number % CHANNELS % 2 == 0 and number // CHANNELS % 5 == 0:
            photo = photo_of(message)
            file = {"sha256": photo.sha256, "width": photo.width, "height": photo.height, "data": picture()}
            shown = {"message_id": message.id, "position": 0, "sha256": photo.sha256}
            rows[tables.PhotoRow].append(file)
            rows[tables.MessagePhotoRow].append(shown)
        if not is_unanswered(number):
            request = {"id": message.id, "place_id": message.place.id, "asker_id": message.author.id}
            reply = {"state": RequestState.DONE, "text": ANSWER, "token_ids": list(ANSWER_TOKENS)}
            rows[tables.RequestRow].append(request | reply)
            rows[tables.RequestAnswerRow].append({"message_id": message.id + 1, "request_id": message.id})
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
    engine.dispose()


if __name__ == "__main__":
    main()
