"""What somebody in the browser decides about what is kept."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.bot.conversation.chats import drawing, on_loop
from tests.bot.store.test_personal import everything_in
from tests.bot.web.chromium import CHROMIUM, FLAGS
from tests.bot.web.playgrounds import playground, visitor
from tests.fake_engine import FakeEngine


@on_loop
async def test_all_of_a_conversation_is_given_and_forgotten(tmp_path: Path) -> None:
    engine = FakeEngine("A secret answer.", "Theirs.")
    async with playground(engine, tmp_path) as url, visitor(url) as person, visitor(url) as other:
        await person.finished("a-secret-question", drawing("red"), mode="prompted-caption", prefix="Secret")
        await other.finished("their question")
        kept = await (await person.request("GET", "/own")).json()
        assert kept == {
            "kept": {"messages": 1, "photos": 1, "answers": 1, "examples": 0, "votes": 0},
            "days": 30,
        }
        exported = await person.request("GET", "/own/export")
        assert exported.content_type == "application/zip"
        with ZipFile(io.BytesIO(await exported.read())) as archive:
            [said] = json.loads(archive.read("data.json"))["messages"]
        assert said["text"] == "a-secret-question"
        async with person.listening() as page:
            await page.next("conversation")
            gone = await (await person.request("DELETE", "/own")).json()
            assert gone == kept["kept"]
            await page.next("forgotten")
        assert (await person.conversation())["exchanges"] == []
        found = everything_in(tmp_path).lower()
        assert b"secret" not in found
        assert b"their question" in found
        assert engine.forgotten > 0


@on_loop
async def test_it_needs_the_cookie_and_no_other_site(tmp_path: Path) -> None:
    async with playground(FakeEngine(), tmp_path) as url, visitor(url) as person:
        refused = await person.request("DELETE", "/own", headers={"Origin": "https://elsewhere.example"})
        assert refused.status == 403
        person.session.cookie_jar.clear()
        for method, address in (("GET", "/own"), ("GET", "/own/export"), ("DELETE", "/own")):
            assert (await person.request(method, address)).status == 403


@on_loop
async def test_the_page_in_a_browser(tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}, Debian's browser")
    async_api = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")
    complaints: list[str] = []
    async with playground(FakeEngine("One."), tmp_path) as url, async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.accept())
        expect = async_api.expect
        await page.goto(url)
        await page.get_by_label("Your question").fill("what?")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".answer-text")).to_have_text("One.")
        await page.get_by_role("link", name="Privacy").click()
        await expect(page.locator("#amount")).to_have_text("1 message and 1 answer")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download it").click()
        assert (await download.value).suggested_filename == "idefics.zip"
        await page.get_by_role("button", name="Have it all forgotten").click()
        await expect(page.locator("#amount")).to_have_text("Nothing")
        await expect(page.get_by_role("button", name="Have it all forgotten")).to_be_disabled()
        await browser.close()
    assert complaints == []
