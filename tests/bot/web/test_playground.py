"""The page in a real browser."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.bot.conversation.chats import drawing, on_loop
from tests.bot.web.chromium import CHROMIUM, FLAGS
from tests.bot.web.playgrounds import playground
from tests.fake_engine import FakeEngine

if not CHROMIUM.exists():
    pytest.skip(f"there is no {CHROMIUM}, Debian's browser", allow_module_level=True)
async_api = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")

from playwright.async_api import Page, expect  # noqa: E402

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@asynccontextmanager
async def browsing(
    engine: FakeEngine, folder: Path, *, token: str | None = None, refusals: int = 0, **device: object
) -> AsyncIterator[Page]:
    """The playground's page; what the browser complains about, other than refusals, fails the test."""
    complaints: list[str] = []
    async with playground(engine, folder, token) as url, async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(**device)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(url)
        await page.locator("#welcome h1").wait_for()
        yield page
        await browser.close()
    refused = [line for line in complaints if "status of 4" in line]
    assert len(refused) == refusals
    assert complaints == refused


async def upload(page: Page, *pictures: bytes) -> None:
    await page.locator("#files").set_input_files(
        [
            {"name": f"photo{number}.png", "mimeType": "image/png", "buffer": picture}
            for number, picture in enumerate(pictures, 1)
        ]
    )


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("Your question").fill(text)
    await page.get_by_role("button", name="Send", exact=True).click()


@on_loop
async def test_upload_ask_follow_up_reload(tmp_path: Path) -> None:
    engine = FakeEngine("A red square.", "Red.", "Nothing else.")
    async with browsing(engine, tmp_path) as page:
        await upload(page, drawing("red"))
        await expect(page.get_by_alt_text("Picture 1: photo1.png")).to_be_visible()
        await ask(page, "What is this?")
        await expect(page.get_by_text("A red square.", exact=True).first).to_be_visible()
        await expect(page.locator("#attached")).to_be_hidden()
        await expect(page.locator("#welcome")).to_be_hidden()
        await expect(page.locator(".speed")).to_have_text(re.compile(r"to the first token · .*3 tokens"))
        await expect(page.locator("#status")).to_have_text("A red square.")

        await ask(page, "Which colour?")
        await expect(page.locator(".answer-text").nth(1)).to_have_text("Red.")
        assert engine.pictures(1) == 1

        await page.reload()
        await expect(page.locator(".question-text")).to_have_text(["What is this?", "Which colour?"])
        await expect(page.locator(".answer-text")).to_have_text(["A red square.", "Red."])
        await expect(page.locator(".speed")).to_have_count(2)
        photo = page.get_by_alt_text("The picture of the question")
        assert await photo.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
        await ask(page, "What else?")
        await expect(page.locator(".answer-text").nth(2)).to_have_text("Nothing else.")
        assert engine.pictures(2) == 1


@on_loop
async def test_a_running_answer_goes_on_after_a_reload(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with browsing(FakeEngine(["A red", go_on, " square."]), tmp_path) as page:
        await upload(page, drawing("red"))
        await ask(page, "What is this?")
        await expect(page.locator(".answer-text")).to_have_text("A red")
        await expect(page.locator(".answer")).to_have_attribute("aria-busy", "true")
        await page.reload()
        await expect(page.locator(".answer-text")).to_have_text("A red")
        go_on.set()
        await expect(page.locator(".answer-text")).to_have_text("A red square.")
        await expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")


@on_loop
async def test_stop_and_regenerate(tmp_path: Path) -> None:
    engine = FakeEngine(["A red", asyncio.Event()], "A square.", ["Again", asyncio.Event()])
    async with browsing(engine, tmp_path) as page:
        await upload(page, drawing("red"))
        await ask(page, "What is this?")
        await expect(page.locator(".answer-text")).to_have_text("A red")
        await page.get_by_role("button", name="Stop").click()
        regenerate = page.get_by_role("button", name="Regenerate")
        await expect(regenerate).to_be_focused()
        await expect(page.locator(".answer-text")).to_have_text("A red")
        assert engine.cancelled == 1
        await regenerate.press("Enter")
        await expect(page.locator(".answer-text")).to_have_text("A square.")
        await expect(page.get_by_role("button", name="Stop")).to_have_count(0)
        await regenerate.click()
        await expect(page.locator(".answer-text")).to_have_text("Again")
        await page.keyboard.press("Escape")
        await expect(regenerate).to_be_visible()
        assert engine.cancelled == 2


@on_loop
async def test_a_sample_a_suggestion_and_the_enter_key(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with browsing(engine, tmp_path) as page:
        await page.get_by_role("button", name="Sample drawing 2").click()
        await page.get_by_role("button", name="How many things are there?").click()
        await expect(page.locator(".answer-text")).to_have_text("Answer 1.")
        assert engine.pictures(0) == 1
        question = page.get_by_label("Your question")
        await question.fill("One line")
        await question.press("Shift+Enter")
        await question.press_sequentially("and one more")
        await question.press("Enter")
        await expect(page.locator(".question-text").nth(1)).to_have_text("One line\nand one more")
        await page.get_by_role("button", name="Sample drawings").click()
        await page.locator("#tray-samples button").first.click()
        await expect(page.locator("#attached li")).to_have_count(1)
        await page.get_by_role("button", name="Remove picture 1").click()
        await expect(page.locator("#attached li")).to_have_count(0)


@on_loop
async def test_drawing_with_pointer_and_keyboard(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with browsing(engine, tmp_path, viewport={"width": 1100, "height": 900}) as page:
        await page.get_by_role("button", name="Draw a picture").click()
        canvas = page.locator("#canvas")
        await canvas.click(position={"x": 192, "y": 192})
        await page.get_by_label("blue", exact=True).check()
        await page.get_by_label("square", exact=True).check()
        await canvas.focus()
        for key in ("ArrowLeft", "ArrowLeft", "Enter"):
            await page.keyboard.press(key)
        await expect(canvas).to_have_attribute("aria-label", "Your drawing: 2 marks")
        await page.keyboard.press("Control+z")
        await expect(canvas).to_have_attribute("aria-label", "Your drawing: 1 mark")
        await page.get_by_label("light green", exact=True).check()
        await page.get_by_role("button", name="Use the drawing").click()
        await ask(page, "What is this?")
        await expect(page.locator(".answer-text")).to_have_text("Answer 1.")
        (picture,) = [item for item in engine.asked[0][0] if hasattr(item, "getpixel")]
        assert picture.size == (384, 384)
        assert picture.getpixel((192, 192)) == (0xE6, 0x14, 0x1E)
        assert picture.getpixel((20, 20)) == (0xC6, 0xF0, 0xC6)


@on_loop
async def test_drop_and_paste(tmp_path: Path) -> None:
    async with browsing(FakeEngine(), tmp_path) as page:
        for event, carrier in (("drop", "dataTransfer"), ("paste", "clipboardData")):
            await page.locator("body").evaluate(
                """(body, [event, carrier]) => {
                    const files = new DataTransfer();
                    files.items.add(new File([new Uint8Array(9)], `${event}.png`, {type: "image/png"}));
                    const made = event === "drop"
                        ? new DragEvent(event, {bubbles: true, cancelable: true, [carrier]: files})
                        : new ClipboardEvent(event, {bubbles: true, cancelable: true, [carrier]: files});
                    body.dispatchEvent(made);
                }""",
                [event, carrier],
            )
        # Nine zeros are no picture that could be shown.
        await expect(page.locator("#attached li")).to_have_text(["drop.png", "paste.png"])
        await expect(page.get_by_title("Picture 2: paste.png")).to_have_count(1)


@on_loop
async def test_tasks_with_their_inputs_on_a_phone(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with browsing(engine, tmp_path, **PHONE) as page:
        await upload(page, drawing("red"))
        send = page.get_by_role("button", name="Send", exact=True)
        question = page.get_by_label("Your question")
        for task, missing in (("Examples", "Add an example first"), ("Labels", "Write at least two labels")):
            await page.get_by_label("Task").select_option(task)
            await expect(send).to_be_disabled()
            await expect(question).to_have_attribute("placeholder", missing)
        await page.get_by_label("Labels, separated by commas").fill("red, blue")
        await expect(question).to_have_attribute("placeholder", "Ready to be sent")
        await send.tap()
        await expect(page.locator(".answer-text")).to_have_text("red (67%)")
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
        await page.reload()
        await expect(page.get_by_label("Labels, separated by commas")).to_have_value("red, blue")


@on_loop
async def test_who_is_quicker_than_the_page_keeps_what_was_chosen_and_what_was_saved(tmp_path: Path) -> None:
    async with browsing(FakeEngine("cat", "A red square.", "Yes."), tmp_path) as page:
        await page.get_by_label("Task").select_option("prompted-caption")
        await page.get_by_label("Begins with").fill("Behold:")
        await upload(page, drawing("red"))
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".answer-text")).to_have_count(1)
        held = asyncio.Event()

        async def hold(route: Any) -> None:
            await held.wait()
            await route.continue_()

        await page.route("**/events", hold)
        await page.reload()
        await ask(page, "Is that so?")  # nothing is known of the task yet, so nothing is changed
        await page.get_by_label("Task").select_option("story")
        held.set()
        await expect(page.locator(".answer-text")).to_have_count(2)
        assert await page.get_by_label("Task").input_value() == "story"
        assert await page.locator("#prefix").input_value() == "Behold:"
        await page.unroute("**/events")
        await page.reload()
        await expect(page.locator(".answer-text")).to_have_count(2)
        await expect(page.get_by_label("Task")).to_have_value("prompted-caption")


@on_loop
async def test_right_to_left_text_runs_that_way(tmp_path: Path) -> None:
    async with browsing(FakeEngine("مربع أحمر.", "A square."), tmp_path) as page:
        await upload(page, drawing("red"))
        for text, direction in (("ما هذا؟", "rtl"), ("What?", "ltr")):
            await ask(page, text)
            answers = page.locator(".answer-text")
            await expect(answers.last).to_have_css("direction", direction)
            await expect(page.locator(".question-text").last).to_have_css("direction", direction)
            await expect(page.locator(".speed")).to_have_count(await answers.count())


@on_loop
async def test_a_refused_question_comes_back(tmp_path: Path) -> None:
    engine = FakeEngine(*([["Half", asyncio.Event()]] * 3))
    async with browsing(engine, tmp_path, token="shared with others", refusals=1) as page:
        for number in range(3):
            await upload(page, drawing("red"))
            await ask(page, f"Question {number}")
            await expect(page.locator(".question-text")).to_have_count(number + 1)
        await upload(page, drawing("blue"))
        question = page.get_by_label("Your question")
        await question.fill("One too many")
        async with page.expect_response("**/messages") as response:
            await question.press("Enter")
        assert (await response.value).status == 429
        await expect(page.locator("#problem")).to_contain_text("waiting for an answer")
        await expect(question).to_have_value("One too many")
        await expect(page.locator("#attached img")).to_have_count(1)


@on_loop
async def test_a_new_conversation(tmp_path: Path) -> None:
    async with browsing(FakeEngine(), tmp_path) as page:
        await upload(page, drawing("red"))
        await ask(page, "What is this?")
        await expect(page.locator(".answer-text")).to_have_text("Answer 1.")
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator("#welcome")).to_be_visible()
        await expect(page.locator(".exchange")).to_have_count(0)
        await page.reload()
        await expect(page.locator("#welcome")).to_be_visible()


@on_loop
async def test_a_picture_that_the_browser_cannot_show_is_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(drawing("red"))).save(file, "TIFF")
    engine = FakeEngine("A red square.")
    async with browsing(engine, tmp_path) as page:
        await page.locator("#files").set_input_files(
            {"name": "scan.tiff", "mimeType": "image/tiff", "buffer": file.getvalue()}
        )
        await expect(page.locator("#attached .unshown")).to_have_text("scan.tiff")
        await page.get_by_role("button", name="Remove picture 1").wait_for()
        await ask(page, "What is this?")
        await expect(page.locator(".answer-text")).to_have_text("A red square.")
        assert engine.pictures(0) == 1


@on_loop
async def test_a_picture_of_one_pixel_can_be_seen_and_pressed(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    async with browsing(FakeEngine("A dot."), tmp_path) as page:
        await upload(page, file.getvalue())
        await ask(page, "What is this?")
        box = await page.get_by_alt_text("The picture of the question").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 40


@on_loop
async def test_the_whole_canvas_is_seen_on_a_phone_on_its_side(tmp_path: Path) -> None:
    async with browsing(FakeEngine(), tmp_path, viewport={"width": 740, "height": 360}) as page:
        await page.get_by_role("button", name="draw your own").click()
        await expect(page.locator("#canvas")).to_be_in_viewport(ratio=1)


@on_loop
async def test_when_the_connection_is_back_nothing_says_that_it_was_lost(tmp_path: Path) -> None:
    async with browsing(FakeEngine("A red square."), tmp_path, refusals=1) as page:
        await page.add_init_script(
            """const Plain = EventSource;
            window.EventSource = class extends Plain {
                constructor(address) { super(address); window.connection = this; }
            };"""
        )
        await page.reload()
        await expect(page.locator("#model")).to_have_text("built-in model")
        await page.evaluate("connection.dispatchEvent(new Event('error'))")
        await page.route("**/messages", lambda route: route.fulfill(status=400, json={"error": "Not now."}))
        await ask(page, "What is this?")
        await expect(page.locator("#problem")).to_have_text("Not now.")
        await expect(page.locator("#offline")).to_be_visible()
        await page.unroute("**/messages")
        await page.evaluate("connection.dispatchEvent(new Event('open'))")
        await expect(page.locator("#offline")).to_be_hidden()
        await expect(page.locator("#problem")).to_be_hidden()
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".answer-text")).to_have_text("A red square.")
