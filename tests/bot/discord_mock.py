"""Draws what Discord would show, for the documentation: python -m tests.bot.discord_mock docs

The look is an imitation; answers, bars, buttons and the panel are the program's own, answered by the built-in
model. It needs Debian's chromium.
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import random
import re
import sys
from pathlib import Path
from typing import Any

import discord
from PIL import Image
from playwright.async_api import async_playwright

from bot.bridge.bars import draw_bars
from bot.bridge.buttons import Controls, buttons
from bot.bridge.panel import SETTINGS, panel_embed, panel_view
from bot.conversation.channel_settings import ChannelSettings, Mode, Trigger
from bot.conversation.messages import Person, Place, PlaceKind
from bot.conversation.requests import Part, Request, RequestState
from bot.conversation.sources import Source, resolved
from bot.languages.words import ENGLISH
from inference import load_engine, tasks
from inference.demo.drawing import Style, draw_scene
from inference.demo.world import Scene, Thing
from tests.bot.web.chromium import CHROMIUM, FLAGS

PLACE = Place(2, PlaceKind.CHANNEL, 1)
LABELS = ("house", "tree", "car", "cat")
STYLES = {1: "#5865f2", 2: "#4e5058", 3: "#248046", 4: "#da373c"}
PAGE = """<!doctype html><meta charset="utf-8"><style>
* { box-sizing: border-box; margin: 0 }
body { width: 560px; padding: 20px; background: #313338; color: #dbdee1;
  font: 15px/1.4 "Noto Sans", sans-serif }
.message { display: flex; gap: 14px; margin-bottom: 18px }
.avatar { flex: none; width: 40px; height: 40px; border-radius: 50%; background: #2c6e63; color: #fff;
  text-align: center; line-height: 40px; font-weight: 600 }
.name { color: #f2f3f5; font-weight: 600 }
.name small { padding: 1px 5px; border-radius: 4px; background: #5865f2; font-size: 10px }
.text { white-space: pre-wrap }
.pictures { display: flex; gap: 6px; margin-top: 6px } .pictures img { height: 92px; border-radius: 8px }
.bars { display: block; width: 400px; margin-top: 8px }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.row span { padding: 5px 14px; border-radius: 4px; color: #fff; font-size: 14px }
.row .select { width: 400px; background: #1e1f22; color: #dbdee1 } .off { opacity: .5 }
.embed { width: 430px; margin-top: 8px; padding: 14px; border-radius: 4px; background: #2b2d31 }
.embed b { display: block; color: #f2f3f5 }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; margin: 10px 0 }
.fields p { font-size: 14px }
.fields small, .embed footer { color: #a5a8b1; font-size: 12px }
</style>"""


def drawing(*things: tuple[str, str]) -> Image.Image:
    scene = Scene(tuple(Thing(*thing, "big", 4) for thing in things), "white")
    return draw_scene(scene, Style(width=224, height=224), random.Random(1))


def embedded(image: Image.Image | bytes) -> str:
    if isinstance(image, Image.Image):
        file = io.BytesIO()
        image.save(file, "PNG")
        image = file.getvalue()
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def message(name: str, text: str, *more: str, bot: bool = False) -> str:
    tag = " <small>APP</small>" if bot else ""
    body = f'<p class="name">{name}{tag}</p><p class="text">{html.escape(text)}</p>{"".join(more)}'
    return f'<div class="message"><div class="avatar">{name[0]}</div><div>{body}</div></div>'


def pictures(*images: Image.Image) -> str:
    return f'<div class="pictures">{"".join(f"<img src={embedded(one)!r}>" for one in images)}</div>'


def components(view: discord.ui.View) -> str:
    rows: list[str] = []
    for row in view.to_components():
        rows.append(f'<div class="row">{"".join(_component(one) for one in row["components"])}</div>')
    return "".join(rows)


def _component(one: dict[str, Any]) -> str:
    if "options" in one:
        chosen = next((option["label"] for option in one["options"] if option.get("default")), "")
        return f'<span class="select">{html.escape(chosen or one.get("placeholder") or "")} ▾</span>'
    off = ' class="off"' if one["disabled"] else ""
    return f'<span{off} style="background:{STYLES[one["style"]]}">{html.escape(one["label"])}</span>'


def embed(shown: discord.Embed) -> str:
    fields = "".join(f"<p>{field.name}{_marked(field.value or '')}</p>" for field in shown.fields)
    footer = f"<footer>{shown.footer.text}</footer>"
    return f'<div class="embed"><b>{shown.title}</b><div class="fields">{fields}</div>{footer}</div>'


def _marked(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(text))
    return re.sub(r"\n-# (.+)", r"<small>\1</small>", bold)


def answered(version: int = 1, versions: int = 1, **controls: bool) -> str:
    request = Request(1, 1, PLACE, Person(1, "Alice"), RequestState.DONE, version=version, versions=versions)
    return components(buttons(request, Controls(finished=True, **controls)))


async def modes() -> str:
    house, things = (
        drawing(("house", "red")),
        [drawing(each) for each in (("circle", "red"), ("car", "blue"))],
    )
    engine = await load_engine("demo")
    async with engine:
        ranked = await tasks.classify_by_rank(engine, house, LABELS)
        captions = await tasks.answer_all(engine, [tasks.captioning(each) for each in things])
    label, share = ranked[0]
    part = Part(f"{label} ({ENGLISH.percent(share)})", ranked=tuple(ranked))
    bars = f'<img class="bars" src="{embedded(draw_bars([part], ENGLISH))}">'
    listed = "\n".join(f"{number}. {each.text}" for number, each in enumerate(captions, 1))
    return "".join(
        (
            message("Alice", "", pictures(house)),
            message("Idefics", part.text, bars, answered(), bot=True),
            message("Alice", "", pictures(*things)),
            message("Idefics", listed, answered(2, 3, can_accept=True), bot=True),
        )
    )


async def panel() -> str:
    channel = ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE)
    found = resolved(PLACE, [channel, ChannelSettings(temperature=0.4)], ChannelSettings())
    view = panel_view(PLACE, found, Source.CHANNEL, SETTINGS[1], ENGLISH)
    return message("Idefics", "", embed(panel_embed(found, ENGLISH)), components(view), bot=True)


async def main(folder: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 560, "height": 200}, device_scale_factor=1.5)
        for name, shown in (("discord-modes", await modes()), ("discord-settings", await panel())):
            await page.set_content(PAGE + shown)
            picture = Image.open(io.BytesIO(await page.screenshot(full_page=True))).convert("RGB")
            picture.quantize(256, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
