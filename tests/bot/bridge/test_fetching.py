"""A real server that can misbehave."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from PIL import Image

from bot.bridge.address import DiscordAddress
from bot.bridge.fetching import MediaFetcher
from bot.conversation.messages import PhotoOffer, SkippedPhoto, StoredPhoto
from bot.languages.words import ENGLISH

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def png(size: tuple[int, int] = (30, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


async def serving(handler: Handler) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def fetch(
    handler: Handler,
    path: str = "/attachments/1/2/a.png",
    *,
    size: int | None = None,
    max_bytes: int = 100_000,
    timeout_s: float = 20,
    elsewhere: str | None = None,
) -> StoredPhoto | SkippedPhoto:
    """What comes of an offer at the server; with `elsewhere` at that address instead."""

    async def main() -> StoredPhoto | SkippedPhoto:
        runner, origin = await serving(handler)
        try:
            address = DiscordAddress(f"{origin}/api/v10")
            async with MediaFetcher(address, max_bytes=max_bytes, timeout_s=timeout_s) as fetcher:
                return await fetcher.fetch(PhotoOffer((elsewhere or origin) + path, "a.png", size))
        finally:
            await runner.cleanup()

    return asyncio.run(main())


async def never(request: web.Request) -> web.StreamResponse:
    raise AssertionError(f"{request.url} was asked for")


def reason(result: StoredPhoto | SkippedPhoto) -> str:
    assert isinstance(result, SkippedPhoto)
    assert result.name == "a.png"
    return ENGLISH.said(result.reason)


def test_a_picture_is_fetched_and_normalised() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=png(), content_type="text/plain")  # what it is, its bytes say

    result = fetch(handler)
    assert isinstance(result, StoredPhoto)
    assert (result.photo.width, result.photo.height) == (30, 20)


def test_the_signature_arrives_as_it_was_written() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(body=png())

    path = "/attachments/1/2/a%20b.png?ex=6%2F1&hm=a+b%3D&"
    fetch(handler, path)
    assert seen == [path]


def test_what_is_no_picture_is_skipped() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"%PDF-1.7", content_type="image/png")

    assert "picture" in reason(fetch(handler))


def test_a_claimed_size_above_the_limit_is_not_even_asked_for() -> None:
    assert "too large" in reason(fetch(never, size=100_001))


def test_reading_ends_at_the_limit_whatever_was_claimed() -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 50_000_000:
                await response.write(bytes(50_000))
                sent += 50_000
        except ConnectionError:
            pass
        return response

    assert "too large" in reason(fetch(handler, size=10))
    assert sent < 50_000_000


def test_a_redirect_within_the_media_hosts_is_followed() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/moved"):
            return web.Response(body=png())
        raise web.HTTPFound("/moved/a.png")

    assert isinstance(fetch(handler), StoredPhoto)


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/a.png", "http://example.com/a.png", "file:///a.png"]
)
def test_a_redirect_elsewhere_is_refused(target: str) -> None:
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        raise web.HTTPFound(target.format(port=request.url.port))

    assert reason(fetch(handler)) == "It is not on Discord's own servers: send it as a file."
    assert asked == 1


NO_ADDRESSES = ["http://[::1", "http://127.0.0.1:99999999/a.png", "//127.0.0.1:port/"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_said(address: str) -> None:
    assert "could not be loaded" in reason(fetch(never, "", elsewhere=address))


@pytest.mark.parametrize("target", NO_ADDRESSES)
def test_a_redirect_to_what_is_no_address_is_said(target: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    assert "could not be loaded" in reason(fetch(handler))


def test_redirects_in_a_circle_end() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(request.path)

    assert "could not be loaded" in reason(fetch(handler))


def test_another_host_is_never_asked() -> None:
    assert (
        reason(fetch(never, elsewhere="http://example.com"))
        == "It is not on Discord's own servers: send it as a file."
    )


@pytest.mark.parametrize(("status", "words"), [(404, "no longer there"), (500, "could not be loaded")])
def test_a_refusal_of_the_server_is_said(status: int, words: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    assert words in reason(fetch(handler))


def test_a_server_that_stalls_is_left() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"12345")
        await asyncio.Event().wait()
        return response

    assert reason(fetch(handler, timeout_s=0.2)) == "Loading it took too long: send it again."


def test_a_broken_connection_is_said() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert "could not be loaded" in reason(fetch(handler))


def test_an_animation_of_vectors_is_skipped_unasked() -> None:
    assert "Lottie" in reason(fetch(never, "/stickers/5.json"))
