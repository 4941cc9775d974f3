"""How much the bot takes in around the model: `python -m bot.bench`.

The store, the fetching of pictures and the reply service are real; the engine says what it says at once, and
answers are shown to nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles

from aiohttp import web
from PIL import Image

from bot.bridge.address import DiscordAddress
from bot.bridge.fetching import MediaFetcher
from bot.conversation.limits import UNLIMITED
from bot.conversation.messages import Message, Origin, Person, PhotoOffer, Place, PlaceKind, StoredPhoto
from bot.conversation.ports import PhotoFetcher
from bot.conversation.requests import Outcome, Request
from bot.conversation.service import ReplyService
from bot.languages.words import Words
from bot.store.repository import SqlStore
from inference.prompt import Prompt
from inference.surface import Options, Reply

FIRST_ID = 1 << 60
ANSWER = ["A", " red", " house", " and", " a", " tree", "."]
PHOTO_SIZE = (1024, 768)


class InstantEngine:
    """Implements `inference.surface.Engine`: a few words, without any work."""

    context_length = 2048
    picture_size = 224

    def count_tokens(self, prompt: Prompt) -> int:
        return 10 * len(prompt)

    async def generate(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> Reply:
        return reply()

    def stream(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> InstantStream:
        return InstantStream()

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = None
    ) -> list[tuple[str, float]]:
        return [(label, 0.0) for label in labels]

    async def forget(self) -> None:
        """Nothing is kept."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> InstantEngine:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


class InstantStream:
    """Implements `inference.surface.ReplyStream`."""

    place = None

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self._pieces = self._stream()

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()

    async def _stream(self) -> AsyncGenerator[str, None]:
        for piece in ANSWER:
            await asyncio.sleep(0)
            yield piece
        self.reply = reply()


def reply() -> Reply:
    return Reply("".join(ANSWER), tuple(range(len(ANSWER))), "stop", 60, 0, len(ANSWER))


class Nobody:
    """An audience and its view: posts a message, as every view does, and keeps nothing."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._over: dict[int, asyncio.Event] = {}

    def serves(self, place: Place) -> bool:
        return True

    def view(self, request: Request, words: Words) -> NobodysView:
        return NobodysView(self._store, request, self.over(request.id))

    def over(self, request_id: int) -> asyncio.Event:
        return self._over.setdefault(request_id, asyncio.Event())


class NobodysView:
    def __init__(self, store: SqlStore, request: Request, over: asyncio.Event) -> None:
        self._store = store
        self._request = request
        self._over = over

    async def waiting(self, place_in_line: int) -> None:
        """Nobody waits."""

    async def update(self, text: str) -> None:
        """Nobody reads."""

    async def finish(self, outcome: Outcome) -> None:
        await self._store.add_answer_message(self._request.id, self._request.id + 1)

    async def recorded(self) -> None:
        self._over.set()

    async def suspend(self) -> None:
        self._over.set()


def message(number: int, channels: int, text: str, *offers: PhotoOffer) -> Message:
    place = Place(1000 + number % channels, PlaceKind.CHANNEL, 1)
    person = Person(number % 200, f"Person {number % 200}")
    id = FIRST_ID + 2 * number
    return Message(id, place, person, Origin.PERSON, text, offers, mentions_bot=True)


async def recorded(store: SqlStore, count: int) -> float:
    """Messages per second of a burst in 50 channels, each committed before it counts."""
    start = time.perf_counter()
    await asyncio.gather(
        *(
            store.record_message(message(number, 50, f"Message {number}"), [], addressed=False)
            for number in range(count)
        )
    )
    return count / (time.perf_counter() - start)


@asynccontextmanager
async def photo_server() -> AsyncIterator[str]:
    """The URL under which a different JPEG file, as of a small camera, is served for every number."""
    noise = Image.effect_noise(PHOTO_SIZE, 50)
    files = []
    for number in range(20):
        file = io.BytesIO()
        Image.merge("RGB", (noise, noise.rotate(180), Image.new("L", PHOTO_SIZE, number))).save(file, "JPEG")
        files.append(file.getvalue())

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=files[int(request.match_info["number"]) % len(files)])

    app = web.Application()
    app.add_routes([web.get("/{number}", serve)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


async def photographed(store: SqlStore, count: int) -> float:
    """Photos per second through fetching, decoding, making smaller and storing."""
    async with photo_server() as url, MediaFetcher(DiscordAddress(f"{url}/api/v10")) as fetcher:

        async def take_in(number: int) -> None:
            shown = message(10**6 + number, 50, "", PhotoOffer(f"{url}/{number}", "photo.jpg"))
            photo = await fetcher.fetch(shown.offers[0])
            assert isinstance(photo, StoredPhoto), photo
            await store.record_message(shown, [photo], addressed=False)

        start = time.perf_counter()
        await asyncio.gather(*(take_in(number) for number in range(count)))
        return count / (time.perf_counter() - start)


async def answered(store: SqlStore, fetcher: PhotoFetcher, count: int, channels: int, first: int) -> float:
    """Requests per second from the message's arrival to the recorded answer."""
    audience = Nobody(store)
    service = ReplyService(store, fetcher, InstantEngine(), UNLIMITED)

    async def ask(number: int) -> None:
        question = message(first + number, channels, "What is on the left?")
        await service.receive(question, audience)
        await audience.over(question.id).wait()

    start = time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(count)))
    seconds = time.perf_counter() - start
    await service.close(0)
    return count / seconds


class Lag:
    """How much later than asked for the loop comes back, while the block runs."""

    async def __aenter__(self) -> Lag:
        self.seconds: list[float] = []
        self._task = asyncio.create_task(self._measure())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _measure(self) -> None:
        loop, pause = asyncio.get_running_loop(), 0.005
        while True:
            wanted = loop.time() + pause
            await asyncio.sleep(pause)
            self.seconds.append(loop.time() - wanted)

    @property
    def p99_ms(self) -> float:
        return quantiles(self.seconds, n=100)[98] * 1e3 if len(self.seconds) > 1 else 0.0


def resident_bytes() -> int:
    """Of this process; Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def measure(path: Path, scale: float) -> dict[str, float]:
    """Fills a store at `path`; returns what was measured. `scale` 1 takes about a minute."""
    random.seed(0)
    found: dict[str, float] = {}
    url = f"sqlite+aiosqlite:///{path}"
    async with SqlStore.open(url) as store, MediaFetcher(DiscordAddress()) as fetcher:
        await recorded(store, 20)  # connections are opened when they are first used
        async with Lag() as lag:
            found["messages recorded per second"] = await recorded(store, int(4000 * scale))
        found["loop lag p99 meanwhile, ms"] = lag.p99_ms
        async with Lag() as lag:
            found["photos taken in per second"] = await photographed(store, int(200 * scale))
        found["loop lag p99 meanwhile, ms (photos)"] = lag.p99_ms
        async with Lag() as lag:
            found["requests answered per second"] = await answered(
                store, fetcher, int(1000 * scale), 50, 2 * 10**6
            )
        found["loop lag p99 meanwhile, ms (requests)"] = lag.p99_ms
        channels = int(1000 * scale)
        before = resident_bytes()
        await answered(store, fetcher, channels, channels, 3 * 10**6)
        found["kB per active channel"] = (resident_bytes() - before) / channels / 1e3
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of everything")
    parser.add_argument("--json", type=Path, help="writes the figures there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder, "bench.sqlite3"), arguments.scale))
    for what, figure in found.items():
        print(f"{what:40}{figure:10.1f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
