"""Takes the pictures that the documentation shows: python -m tests.bot.web.screenshots docs [status]

Those of the playground, or that of the status page after a quarter of an hour of questions. It needs Debian's
chromium; the answers are the built-in model's.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright, expect

from bot.web.samples import sample_drawing
from inference import load_engine
from tests.bot.web.chromium import CHROMIUM, FLAGS
from tests.bot.web.playgrounds import playground
from tests.bot.web.traffic import busy_bot

WIDE = {"viewport": {"width": 1080, "height": 840}, "device_scale_factor": 1.5}
BROAD = {"viewport": {"width": 1240, "height": 800}, "device_scale_factor": 1.5}
NARROW = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
SEED = 20


async def playgrounds(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as store:
        engine = await load_engine("demo")
        async with playground(engine, Path(store)) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name, device, scheme in (
                ("playground-light", WIDE, "light"),
                ("playground-dark", WIDE, "dark"),
                ("playground-phone", NARROW, "light"),
            ):
                picture = await _talk(browser, url, device | {"color_scheme": scheme})
                _write(picture, folder / f"{name}.png")
            await browser.close()


async def status(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as store:
        async with busy_bot(Path(store)) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = await browser.new_page(color_scheme="dark", **BROAD)  # type: ignore[arg-type]
            await page.goto(f"{url}/status")
            await expect(page.locator(".plot .stroke").first).to_be_visible()
            _write(await page.screenshot(full_page=True), folder / "status.png")
            await browser.close()


async def _talk(browser: Browser, url: str, device: dict[str, object]) -> bytes:
    context = await browser.new_context(**device)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(url)
    drawing = {"name": "drawing.png", "mimeType": "image/png", "buffer": sample_drawing(SEED)}
    await page.locator("#files").set_input_files([drawing])  # type: ignore[list-item]
    for number, question in enumerate(("What is in this picture?", "How many things are there?"), 1):
        await page.get_by_label("Your question").fill(question)
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".speed")).to_have_count(number, timeout=120_000)
    # What does not fit a narrow page is the picture's upper edge, not the last answer.
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    picture = await page.screenshot()
    await context.close()
    return picture


def _write(picture: bytes, path: Path) -> None:
    """With a palette, which flat colours do not miss, and a fraction of the bytes."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    # Colours of small things count as much as those of large ones.
    palette = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3)
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    take = status if sys.argv[2:] == ["status"] else playgrounds
    asyncio.run(take(Path(sys.argv[1])))
