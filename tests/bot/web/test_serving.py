from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from bot.app import serve_playground
from bot.settings.sections import ModelSettings, WebSettings
from bot.web.serving import AddressError, bind, url_of
from inference.errors import DeviceError
from tests.bot.conversation.chats import on_loop
from tests.bot.web.playgrounds import playground, settings, visitor
from tests.fake_engine import FakeEngine


def test_a_port_in_use_is_a_sentence() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError) as caught:
            bind("127.0.0.1", port)
    assert str(caught.value) == (
        f"Nothing can be served at 127.0.0.1, port {port}: another program uses it, "
        "so end that one or choose another port."
    )
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "x" * 300])
def test_an_address_of_somebody_else_is_a_sentence(host: str) -> None:
    with pytest.raises(AddressError) as caught:
        bind(host, 0)
    assert str(caught.value).endswith(".")


def test_the_url_is_one_that_a_browser_here_can_open() -> None:
    with bind("0.0.0.0", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/"
    if socket.has_ipv6:
        try:
            listener = bind("::1", 0)
        except AddressError:
            pytest.skip("this machine has no IPv6")
        with listener:
            assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}/"


@on_loop
async def test_open_pages_do_not_keep_the_program(tmp_path: Path) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with playground(FakeEngine(), tmp_path) as url:
            await session.get(f"{url}/")
            events = await session.get(f"{url}/events")
            assert (await events.content.readline()) == b"event: conversation\n"
        rest = await events.content.read()  # to the end, which comes
        assert rest.startswith(b"data: ")


@on_loop
async def test_a_device_that_is_lost_ends_the_program(tmp_path: Path) -> None:
    lost = DeviceError("The device failed.")
    url: asyncio.Future[str] = asyncio.Future()
    serving = asyncio.create_task(
        serve_playground(settings(tmp_path), lambda _: FakeEngine(lost, lost), ready=url.set_result)
    )
    async with visitor((await url).rstrip("/")) as anna:
        assert (await anna.ask("What is this?")).status == 202
        with pytest.raises(DeviceError, match="failed"):
            await serving


@on_loop
async def test_a_port_in_use_is_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        chosen = settings(tmp_path).model_copy(update={"web": WebSettings(port=taken.getsockname()[1])})

        def open_engine(_: ModelSettings) -> FakeEngine:
            raise AssertionError("the model is loaded")

        with pytest.raises(AddressError):
            await serve_playground(chosen, open_engine, ready=lambda _: None)
