"""A playground that really runs, and what a page does with it over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from bot.app import serve_playground
from bot.settings.sections import LimitSettings, ModelSettings, Settings, StoreSettings, WebSettings
from inference.surface import Engine


def settings(folder: Path, token: str | None = None, **limits: int) -> Settings:
    return Settings(
        model=ModelSettings(),
        store=StoreSettings(url=f"sqlite+aiosqlite:///{folder / 'web.sqlite3'}"),
        web=WebSettings(port=0, token=None if token is None else SecretStr(token)),
        limits=LimitSettings(**limits),
    )


@asynccontextmanager
async def playground(
    engine: Engine, folder: Path, token: str | None = None, **limits: int
) -> AsyncIterator[str]:
    """Serves a playground on a free port, with the store in `folder`; yields the URL that opens it."""

    @asynccontextmanager
    async def open_engine(_: ModelSettings) -> AsyncIterator[Engine]:
        async with engine:
            yield engine

    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_playground(settings(folder, token, **limits), open_engine, ready=url.set_result)
    )
    try:
        await asyncio.wait({serving, url}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield url.result().rstrip("/")
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


class Visitor:
    """One browser: it has opened the page and keeps the cookie."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(self, text: str = "", *photos: bytes, **task: str) -> aiohttp.ClientResponse:
        form = aiohttp.FormData({"text": text, **task}, default_to_multipart=True)
        for number, photo in enumerate(photos, 1):
            form.add_field("photo", photo, filename=f"photo{number}.png", content_type="image/png")
        return await self.session.post(f"{self.url}/messages", data=form)

    async def request(self, method: str, address: str, **options: Any) -> aiohttp.ClientResponse:
        return await self.session.request(method, f"{self.url}{address}", **options)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        async with self.session.get(f"{self.url}/events") as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            yield Listener(response)

    async def conversation(self) -> dict[str, Any]:
        """As a page that is opened now shows it."""
        async with self.listening() as listener:
            return await listener.next("conversation")

    async def finished(self, text: str = "", *photos: bytes, **task: str) -> dict[str, Any]:
        """The finished answer to a question."""
        async with self.listening() as listener:
            response = await self.ask(text, *photos, **task)
            assert response.status == 202, await response.text()
            request = (await response.json())["request"]
            return await listener.until(lambda answer: answer["request"] == request and is_over(answer))


class Listener:
    """An open stream of events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def event(self) -> tuple[str, dict[str, Any]] | None:
        """The next event; None at the end of the stream."""
        name = await self._response.content.readline()
        if not name:
            return None
        data = await self._response.content.readline()
        assert await self._response.content.readline() == b"\n"
        return name.decode().removeprefix("event: ").strip(), json.loads(data.removeprefix(b"data: "))

    async def next(self, wanted: str) -> dict[str, Any]:
        """The data of the next event of this name."""
        while (event := await self.event()) is not None:
            if event[0] == wanted:
                return event[1]
        raise AssertionError(f"the stream ended before {wanted}")

    async def until(self, is_right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first answer that is as wanted."""
        while not is_right(answer := await self.next("answer")):
            pass
        return answer


@asynccontextmanager
async def visitor(url: str) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(url) as page:
            assert page.status == 200
        yield Visitor(session, url.partition("/?")[0])


def is_over(answer: dict[str, Any]) -> bool:
    return answer["state"] not in ("waiting", "running")
