from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.app import serve_playground
from bot.settings import WebSettings
from bot.web.serving import AddressError
from tests.bot.conversation.chats import on_loop
from tests.bot.web.playgrounds import settings
from tests.fake_engine import FakeEngine

TOKEN = "a word of some length/?"


@on_loop
async def test_others_need_the_token(tmp_path: Path) -> None:
    chosen = settings(tmp_path).model_copy(
        update={"web": WebSettings(host="127.0.0.1", port=0, token=SecretStr(TOKEN))}
    )
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_playground(chosen, lambda _: FakeEngine(), ready=ready.set_result))
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    url, _, query = (await ready).partition("?")
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        for path in ("", "events", "static/main.js", "metrics", "?token=wrong", "?token=", "events?" + query):
            async with session.get(url + path) as response:
                assert (response.status, path) == (401, path)
        async with session.post(f"{url}messages", data={"text": "What?"}) as response:
            assert response.status == 401
        async with session.get(f"{url}healthz") as response:
            assert response.status == 200
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with session.get(f"{url}metrics", headers=headers) as response:
            assert response.status == 200
        async with session.get(f"{url}?{query}") as response:
            assert (response.status, str(response.url)) == (200, url)  # the token is in the address no more
        async with session.get(f"{url}events") as response:
            assert response.status == 200
        assert TOKEN not in {cookie.value for cookie in jar}
    serving.cancel()
    await asyncio.wait({serving})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_a_token_it_is_for_this_machine_only(tmp_path: Path, host: str) -> None:
    chosen = settings(tmp_path).model_copy(update={"web": WebSettings(host=host, port=0)})
    with pytest.raises(AddressError, match=r"everybody could use the playground: set web\.token"):
        asyncio.run(serve_playground(chosen, lambda _: FakeEngine(), ready=lambda _: None))
