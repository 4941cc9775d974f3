"""What the page calls, over HTTP."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from bot.store.repository import SqlStore
from tests.bot.conversation.chats import drawing, on_loop
from tests.bot.web.playgrounds import is_over, playground, visitor
from tests.fake_engine import FakeEngine

RED, BLUE = drawing("red"), drawing("blue")


def crashed(folder: Path) -> Path:
    """A folder with the store as it would be if the program had ended now."""
    copy = folder / "crashed"
    copy.mkdir()
    with closing(sqlite3.connect(folder / "web.sqlite3")) as store:
        store.execute("VACUUM INTO ?", [str(copy / "web.sqlite3")])
    return copy


@on_loop
async def test_an_answer_streams_in_and_is_kept(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    engine = FakeEngine(["A red", go_on, " square."])
    async with playground(engine, tmp_path) as url, visitor(url) as anna, anna.listening() as page:
        assert (await page.next("conversation"))["exchanges"] == []
        assert (await anna.ask("What is this?", RED)).status == 202
        question = await page.next("question")
        assert question["text"] == "What is this?"
        half = await page.until(lambda answer: answer["text"] != "")
        assert (half["state"], half["text"], half["request"]) == ("running", "A red", question["id"])
        go_on.set()
        whole = await page.until(is_over)
        assert (whole["state"], whole["text"], whole["notes"]) == ("done", "A red square.", [])
        assert whole["speed"]["tokens"] == 2
        assert whole["speed"]["first_token_seconds"] >= 0
        assert engine.shown(0).startswith("User:[red]What is this?")
        photo = question["photos"][0]
        shown = await anna.request("GET", f"/photos/{photo['sha256']}")
        assert (shown.status, shown.content_type) == (200, "image/webp")
        assert (photo["width"], photo["height"]) == (8, 8)


@on_loop
async def test_a_follow_up_sees_the_picture(tmp_path: Path) -> None:
    engine = FakeEngine("A red square.", "Red.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        await anna.finished("What is this?", RED)
        assert (await anna.finished("Which colour?"))["text"] == "Red."
        assert engine.pictures(1) == 1
        assert "A red square." in engine.shown(1)


@on_loop
async def test_the_conversation_outlives_the_program(tmp_path: Path) -> None:
    engine = FakeEngine("A red square.", "Red.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        answer = await anna.finished("What is this?", RED, mode="vqa")
        # An answer is recorded after it is shown; a stop waits for that.
        await anna.request("POST", f"/requests/{answer['request']}/stop")
        cookies = anna.session.cookie_jar
        async with playground(engine, tmp_path) as later:
            anna.url = later
            assert anna.session.cookie_jar is cookies
            conversation = await anna.conversation()
            (exchange,) = conversation["exchanges"]
            assert exchange["question"]["text"] == "What is this?"
            assert exchange["answer"]["text"] == "A red square."
            assert exchange["answer"]["speed"]["tokens"] == 3
            assert conversation["settings"]["mode"] == "vqa"
            await anna.finished("Which colour?", mode="chat")
            assert engine.pictures(1) == 1


@on_loop
async def test_the_operators_defaults_hold_until_something_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEFICS_BOT_REPLIES__MODE", "caption")
    engine = FakeEngine("A red square.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        assert (await anna.conversation())["settings"]["mode"] == "caption"
        await anna.finished("", RED)
        assert engine.shown(0) == "[red]"


@on_loop
async def test_what_was_owed_is_answered_after_the_next_start(tmp_path: Path) -> None:
    async with playground(FakeEngine(["Half", asyncio.Event()]), tmp_path) as url, visitor(url) as anna:
        async with anna.listening() as page:
            await anna.ask("What is this?", RED)
            await page.until(lambda answer: answer["text"] == "Half")
            folder = crashed(tmp_path)
        async with playground(FakeEngine("Whole."), folder) as later:
            anna.url = later
            async with anna.listening() as page:
                conversation = await page.next("conversation")
                assert len(conversation["exchanges"]) == 1
                answer = conversation["exchanges"][0]["answer"]
                if not is_over(answer):
                    answer = await page.until(is_over)
                assert (answer["state"], answer["text"]) == ("done", "Whole.")


@on_loop
async def test_a_page_that_comes_late_sees_the_running_answer_go_on(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with (
        playground(FakeEngine(["Half", go_on, " whole"]), tmp_path) as url,
        visitor(url) as anna,
    ):
        async with anna.listening() as page:
            await anna.ask("What is this?", RED)
            await page.until(lambda answer: answer["text"] == "Half")
        async with anna.listening() as page:
            (exchange,) = (await page.next("conversation"))["exchanges"]
            assert exchange["answer"]["text"] == "Half"
            go_on.set()
            assert (await page.until(is_over))["text"] == "Half whole"


@on_loop
async def test_stop_keeps_what_there_is(tmp_path: Path) -> None:
    engine = FakeEngine(["Half", asyncio.Event()])
    async with playground(engine, tmp_path) as url, visitor(url) as anna, anna.listening() as page:
        await anna.ask("What is this?", RED)
        answer = await page.until(lambda answer: answer["text"] == "Half")
        stopped = await anna.request("POST", f"/requests/{answer['request']}/stop")
        assert stopped.status == 204
        over = await page.until(is_over)
        assert (over["state"], over["text"]) == ("stopped", "Half")
        assert engine.cancelled == 1


@on_loop
async def test_regenerate_replaces_the_answer(tmp_path: Path) -> None:
    async with playground(FakeEngine("One.", "Two."), tmp_path) as url, visitor(url) as anna:
        first = await anna.finished("What is this?", RED)
        async with anna.listening() as page:
            again = await anna.request("POST", f"/requests/{first['request']}/regenerate")
            assert again.status == 202
            assert (await page.until(is_over))["text"] == "Two."
        (exchange,) = (await anna.conversation())["exchanges"]
        assert exchange["answer"]["text"] == "Two."


@on_loop
async def test_each_task_asks_in_its_own_way(tmp_path: Path) -> None:
    engine = FakeEngine("red.", "Once upon a time.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        begun = await anna.finished("", RED, mode="prompted-caption", prefix="My drawing is")
        assert begun["text"] == "My drawing is red."
        assert engine.shown(0) == "[red]My drawing is "
        story = await anna.finished("", RED, BLUE, mode="story")
        assert story["text"].startswith("1. Once upon a time.\n2. ")
        labelled = await anna.finished("", RED, mode="classify", labels='["red", " blue ", ""]')
        assert labelled["text"].startswith("red")
        assert engine.ranked[0][1] == ["red", "blue"]
        settings = (await anna.conversation())["settings"]
        assert settings == {"mode": "classify", "labels": ["red", "blue"], "prefix": "My drawing is"}


@on_loop
async def test_what_is_no_picture_is_said_and_the_others_are_looked_at(tmp_path: Path) -> None:
    engine = FakeEngine("A square.", "Another one.")
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        answer = await anna.finished("What is this?", RED, b"no picture", BLUE)
        assert answer["text"] == "1. A square.\n2. Another one."
        assert len(answer["notes"]) == 1
        assert "photo2.png" in answer["notes"][0]
        assert len(engine.asked) == 2


@on_loop
async def test_refusals_are_sentences(tmp_path: Path) -> None:
    engine = FakeEngine(["Half", asyncio.Event()])
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        for response, status, words in [
            (await anna.ask("  \n "), 400, "Write something"),
            (await anna.ask("x" * 8001), 413, "at most 8,000 characters"),
            (await anna.ask("x", mode="dance"), 400, "no such task"),
            (await anna.ask("x", labels='{"a": 1}'), 400, "no such task"),
            (await anna.ask("x", labels='["half a \\ud83d"]'), 400, "no such task"),
            (await anna.request("POST", "/messages", data={"text": "x"}), 415, "multipart"),
            (await anna.request("POST", "/requests/1/stop"), 404, "no such question"),
            (await anna.request("POST", f"/requests/{2**63 + 5}/stop"), 404, "no such question"),
            (await anna.request("GET", f"/photos/{'0' * 64}"), 404, "no such picture"),
            (await anna.ask("What is this?", RED), 202, ""),
        ]:
            assert response.status == status
            assert words in (await response.json()).get("error", "")
        assert len((await anna.conversation())["exchanges"]) == 1
        german = {"Accept-Language": "de-AT,de;q=0.9"}
        refused = await anna.request("POST", "/requests/1/stop", headers=german)
        assert (await refused.json()) == {"error": "Diese Frage gibt es nicht."}
        too_few = aiohttp.FormData(
            {"mode": "classify", "labels": '["a"]', "text": "x"}, default_to_multipart=True
        )
        refused = await anna.request("POST", "/messages", headers=german, data=too_few)
        assert (await refused.json())["error"].startswith("Gib mindestens zwei verschiedene Kategorien an")


@on_loop
async def test_nobody_sees_or_stops_what_another_browser_asked(tmp_path: Path) -> None:
    async with (
        playground(FakeEngine(["Half", asyncio.Event()]), tmp_path) as url,
        visitor(url) as anna,
        visitor(url) as ben,
    ):
        request = (await (await anna.ask("What is this?", RED)).json())["request"]
        assert (await ben.conversation())["exchanges"] == []
        photo = (await anna.conversation())["exchanges"][0]["question"]["photos"][0]
        assert (await anna.request("GET", f"/photos/{photo['sha256']}")).status == 200
        assert (await ben.request("GET", f"/photos/{photo['sha256']}")).status == 404
        assert (await ben.request("POST", f"/requests/{request}/stop")).status == 404
        assert (await ben.request("POST", f"/requests/{request}/regenerate")).status == 404


@on_loop
async def test_a_new_conversation_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    engine = FakeEngine("A red square.", ["Half", asyncio.Event()])
    async with playground(engine, tmp_path) as url, visitor(url) as anna:
        question = (await anna.finished("What is this?", RED))["request"]
        photo = (await anna.conversation())["exchanges"][0]["question"]["photos"][0]
        async with anna.listening() as page:
            await anna.ask("Go on")
            await page.until(lambda answer: answer["text"] == "Half")
            assert (await anna.request("DELETE", "/conversation")).status == 204
            gone = {(await page.next("forgotten"))["id"] for _ in range(2)}
            assert question in gone
        assert (await anna.conversation())["exchanges"] == []
        assert (await anna.request("GET", f"/photos/{photo['sha256']}")).status == 404
    async with SqlStore.open(f"sqlite+aiosqlite:///{tmp_path / 'web.sqlite3'}") as store:
        assert await store.message(int(question)) is None


@on_loop
async def test_a_form_that_is_broken_is_refused(tmp_path: Path) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s'
    nested = part % (b"labels", b"[" * 30_000) + b"\r\n" + part % (b"text", b"hi") + b"\r\n--x--\r\n"
    async with playground(FakeEngine(), tmp_path) as url, visitor(url) as anna:
        for data in (b"garbage", part % (b"text", b"it ends he"), nested):
            answer = await anna.request("POST", "/messages", data=data, headers=form)
            assert answer.status == 400, data[:100]
            assert (await answer.json())["error"].endswith(".")
        assert (await anna.conversation())["exchanges"] == []
