"""Who may call the playground, and what goes with every answer."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from bot.web.security import is_loopback
from tests.bot.conversation.chats import drawing, on_loop
from tests.bot.web.playgrounds import playground, visitor
from tests.fake_engine import FakeEngine

PAGE = Path(__file__).parents[3] / "bot" / "web" / "static"


@on_loop
async def test_other_sites_can_change_nothing(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        for headers in (
            {"Origin": "https://elsewhere.example"},
            {"Origin": "null"},
            {"Origin": url.replace("127.0.0.1", "127.0.0.2")},
            {"Origin": url, "Sec-Fetch-Site": "cross-site"},
        ):
            for method, address in (("POST", "/messages"), ("DELETE", "/conversation")):
                form = aiohttp.FormData({"text": "What?"}, default_to_multipart=True)
                response = await anna.request(method, address, data=form, headers=headers)
                assert (response.status, (await response.json())["error"]) == (
                    403,
                    "This request comes from another site.",
                )
        assert (await anna.conversation())["exchanges"] == []
        own = await anna.request("DELETE", "/conversation", headers={"Origin": url})
        assert own.status == 204


@on_loop
async def test_a_name_that_was_pointed_here_is_no_way_in(tmp_path: Path) -> None:
    async with playground(FakeEngine(), tmp_path) as url, visitor(url) as anna:
        port = url.rpartition(":")[2]
        for host, status in (
            (f"elsewhere.example:{port}", 403),
            ("192.168.0.1", 403),
            (f"localhost:{port}", 200),
            (f"[::1]:{port}", 200),
        ):
            response = await anna.request("GET", "/", headers={"Host": host})
            assert response.status == status, host


@on_loop
async def test_the_cookie_is_for_this_site_and_not_for_scripts(tmp_path: Path) -> None:
    async with playground(FakeEngine(), tmp_path) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/events") as response:
            assert response.status == 403
        async with session.get(f"{url}/") as response:
            cookie = response.headers["Set-Cookie"]
        assert re.match(r"idefics_session=[0-9a-f]{32};", cookie)
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        for wrong in ("x", "../../etc", "0" * 31):
            async with session.get(f"{url}/events", cookies={"idefics_session": wrong}) as response:
                assert response.status == 403


@on_loop
async def test_every_answer_has_the_headers(tmp_path: Path) -> None:
    async with playground(FakeEngine(), tmp_path) as url, visitor(url) as anna:
        for address in ("/", "/static/main.js", "/samples/1.png", "/nowhere", "/health", "/photos/x"):
            headers = (await anna.request("GET", address)).headers
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"


@on_loop
async def test_large_uploads_are_skipped_without_being_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = drawing("red")
    large = red + bytes(200_000)
    monkeypatch.setattr("bot.web.playground.MAX_BYTES", 100_000)
    engine = FakeEngine("A square.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        answer = await anna.finished("What is this?", red, large)
        assert answer["text"] == "A square."
        assert "too large, at most 0.095 MB" in answer["notes"][0]
        assert engine.pictures(0) == 1
        only = await anna.finished("And this?", large)
        assert only["state"] == "failed"
        many = await anna.finished("And these?", *[drawing("red")] * 12)
        assert engine.pictures(1) <= 10
        assert many["notes"] != []


def test_the_page_asks_nobody_else_for_anything() -> None:
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|(?<!:)//[a-z]", re.sub(r"(?m)^\s*//.*|\s// .*$", "", text)), (
            file.name
        )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("a.localhost", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("192.168.0.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
