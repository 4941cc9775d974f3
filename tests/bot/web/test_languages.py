"""The page in another language, and what it shows of modes, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.conversation.chats import drawing, on_loop
from tests.bot.web.chromium import CHROMIUM
from tests.fake_engine import Cut, FakeEngine

if not CHROMIUM.exists():
    pytest.skip(f"there is no {CHROMIUM}, Debian's browser", allow_module_level=True)
pytest.importorskip("playwright.async_api", reason="Playwright is not installed")

from playwright.async_api import expect

from tests.bot.web.test_playground import PHONE, ask, browsing, upload

OVERFLOWS = "document.documentElement.scrollWidth > screen.width"
"""On a phone a page is made as wide as its widest part, so it never seems too wide to itself."""


@on_loop
async def test_the_page_speaks_arabic_from_right_to_left(tmp_path: Path) -> None:
    async with browsing(FakeEngine(ValueError("a bug")), tmp_path, refusals=1) as page:
        await expect(page.locator("html")).to_have_attribute("dir", "ltr")
        await page.get_by_label("Language").select_option("العربية")
        await page.get_by_role("heading", name="أره صورة").wait_for()
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        await expect(page.locator("html")).to_have_attribute("lang", "ar")
        await expect(page.get_by_label("المهمة").locator("option").first).to_have_text("محادثة")
        await page.locator("#text").fill("ما هذا؟")
        await page.get_by_role("button", name="إرسال").click()
        # Not only the page: what the bot says of itself too.
        await expect(page.locator(".note")).to_contain_text("حدث خطأ من جهتي")
        await expect(page.get_by_role("button", name="جواب آخر")).to_be_visible()
        assert await page.evaluate(OVERFLOWS) is False
        # What is drawn with, and what the server refuses.
        await page.get_by_role("button", name="ارسم صورة").click()
        for group, name in (
            ("الأداة", "دائرة"),
            ("الحجم", "كبير"),
            ("اللون", "أحمر"),
            ("الخلفية", "رمادي غامق"),
        ):
            await expect(page.get_by_role("group", name=group).get_by_role("radio", name=name)).to_have_count(
                1
            )
        await page.keyboard.press("Escape")
        await page.locator("#mode").select_option("classify")
        await page.locator("#labels").fill("بيت، بيت")
        await upload(page, drawing("red"))
        await page.locator("#text").press("Enter")
        await expect(page.locator("#problem")).to_contain_text("تصنيفين")


@pytest.mark.parametrize("language", ["en", "ar", "de"])
@on_loop
async def test_everything_fits_on_a_phone(tmp_path: Path, language: str) -> None:
    async with browsing(FakeEngine(), tmp_path, locale=language, **PHONE) as page:
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await page.evaluate(OVERFLOWS) is False
        await page.locator("#welcome-draw").click()
        assert await page.evaluate(
            """() => {
              const dialog = document.querySelector("#sketch").getBoundingClientRect();
              const parts = [...document.querySelectorAll("#sketch button, #sketch label")];
              return parts.map((one) => one.getBoundingClientRect())
                .every(({ left, right }) => left > dialog.left && right < dialog.right);
            }"""
        )
        await page.locator("#close").click()
        for mode in ("classify", "prompted-caption", "few-shot"):
            await page.locator("#mode").select_option(mode)
            await upload(page, drawing("red"))
            assert await page.evaluate(OVERFLOWS) is False
        for other in ("privacy", "status"):
            await page.goto(f"{page.url.rpartition('/')[0]}/{other}")
            await page.locator("nav.pages").wait_for()
            assert await page.evaluate(OVERFLOWS) is False


@on_loop
async def test_labels_stand_on_the_pages_side(tmp_path: Path) -> None:
    async with browsing(FakeEngine(), tmp_path, locale="ar") as page:
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        await page.locator("#mode").select_option("classify")
        await page.locator("#labels").fill("house، شجرة")
        await upload(page, drawing("red"))
        await page.locator("#send").click()
        labels = page.locator(".ranking bdi")
        await expect(labels).to_have_count(2)
        sides = [
            await label.evaluate(
                """one => { const words = document.createRange(); words.selectNodeContents(one);
                return Math.round(words.getBoundingClientRect().right); }"""
            )
            for label in await labels.all()
        ]
        assert sides[0] == sides[1]


@on_loop
async def test_versions_are_browsed_and_an_answer_goes_on(tmp_path: Path) -> None:
    async with browsing(FakeEngine(Cut("A red"), [" square."], "Two."), tmp_path) as page:
        await upload(page, drawing("red"))
        await ask(page, "What?")
        await page.get_by_role("button", name="Continue").click()
        answer = page.locator(".answer-text")
        await expect(answer).to_have_text("A red square.")
        await expect(page.get_by_role("button", name="Continue")).to_have_count(0)
        await page.get_by_role("button", name="Regenerate").click()
        await expect(answer).to_have_text("Two.")
        await expect(page.locator(".versions")).to_contain_text("2/2")
        await expect(page.get_by_role("button", name="Later answer")).to_be_disabled()
        await page.get_by_role("button", name="Earlier answer").click()
        await expect(answer).to_have_text("A red square.")
        await expect(page.locator(".versions")).to_contain_text("1/2")


@on_loop
async def test_examples_are_added_and_followed_and_labels_have_bars(tmp_path: Path) -> None:
    async with browsing(FakeEngine("BLUE!"), tmp_path) as page:
        await page.get_by_label("Task").select_option("Examples")
        await upload(page, drawing("red"))
        await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
        await page.get_by_label("The answer to the example's picture").fill("RED!")
        await page.get_by_role("button", name="Add as example").click()
        await expect(page.get_by_role("list", name="Examples").locator("li")).to_contain_text("RED!")
        await upload(page, drawing("blue"))
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".answer-text")).to_have_text("BLUE!")

        await page.get_by_label("Task").select_option("Labels")
        await page.get_by_label("Labels, separated by commas").fill('house, "a tree, or two"')
        await upload(page, drawing("blue"))
        await page.get_by_role("button", name="Send", exact=True).click()
        rows = page.locator(".ranking li")
        await expect(rows).to_have_count(2)
        await expect(page.get_by_role("button", name="Regenerate")).to_have_count(1)  # of the first answer
        await expect(rows.first).to_contain_text("house67%")
        widths = [
            await bar.evaluate("one => one.clientWidth") for bar in await page.locator(".share div").all()
        ]
        assert abs(widths[0] - 2 * widths[1]) <= 2
