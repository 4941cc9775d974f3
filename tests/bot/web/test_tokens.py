from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from bot.app import serve_playground
from bot.settings.sections import WebSettings
from bot.web.serving import AddressError
from tests.bot.conversation.chats import on_loop
from tests.bot.web.playgrounds import playground, settings, visitor
from tests.fake_engine import FakeEngine

TOKEN = "a word of some length/?"


@on_loop
async def test_others_need_the_token(tmp_path: Path) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        playground(FakeEngine(), tmp_path, TOKEN) as opening,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        url, _, query = opening.partition("?")
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
        async with session.get(opening) as response:
            assert (response.status, str(response.url)) == (200, url)  # the token is in the address no more
        async with session.get(f"{url}events") as response:
            assert response.status == 200
        assert TOKEN not in {cookie.value for cookie in jar}


@on_loop
async def test_those_who_share_it_are_limited_and_who_has_it_alone_is_not(tmp_path: Path) -> None:
    for token, limited in ((TOKEN, True), (None, False)):
        engine = FakeEngine(["Half", asyncio.Event()])
        async with (
            playground(engine, tmp_path, token, in_flight_per_person=1, per_minute_per_person=1) as url,
            visitor(url) as anna,
        ):
            first, second = await anna.ask("What is this?"), await anna.ask("And that?")
            assert (first.status, second.status) == (202, 429 if limited else 202)
            assert ("You have 1 question waiting" in await second.text()) is limited


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_a_token_it_is_for_this_machine_only(tmp_path: Path, host: str) -> None:
    chosen = settings(tmp_path).model_copy(update={"web": WebSettings(host=host, port=0)})
    with pytest.raises(AddressError, match=r"everybody could use the playground: set web\.token"):
        asyncio.run(serve_playground(chosen, lambda _: FakeEngine(), ready=lambda _: None))
