"""Draws what people see in Discord, for the documentation: python -m tests.bot.discord_mock docs

The look is an imitation; the messages are the real bot's, in a simulated Discord, with the built-in model. It
needs Debian's chromium.
"""

from __future__ import annotations

import asyncio
import io
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import discord
import simcord
from PIL import Image
from playwright.async_api import async_playwright
from simcord.builders import ChannelHandle

from bot.conversation.channel_settings import ChannelSettings, Mode, Trigger
from bot.conversation.messages import Scope
from inference import load_engine
from inference.demo.drawing import Style, draw_scene
from inference.demo.world import Scene, Thing
from inference.prompt import Prompt
from inference.surface import Engine, Options, Reply
from tests.bot.cogs.speaking import moderator
from tests.bot.discord_look import page, place, shown
from tests.bot.discord_world import World, opened
from tests.bot.web.chromium import CHROMIUM, FLAGS

LABELS = ("house", "tree", "car", "cat")


class Outside:
    """An engine whose work the simulated Discord does not wait for; answers come at once, at their end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.env: simcord.Env | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = None
    ) -> list[tuple[str, float]]:
        ranked: list[tuple[str, float]] = await self._waited(self._engine.rank(prompt, labels))
        return ranked

    def stream(self, prompt: Prompt, options: Options, *, queue_key: Hashable = None) -> OutsideStream:
        return OutsideStream(self._waited(self._engine.generate(prompt, options)))

    async def _waited(self, work: Awaitable[Any]) -> Any:
        assert self.env is not None
        return await self.env.external_wait(work, reason="the model")


class OutsideStream:
    def __init__(self, work: Awaitable[Reply]) -> None:
        self.reply: Reply | None = None
        self._work = work

    async def __aiter__(self) -> AsyncIterator[str]:
        self.reply = await self._work
        yield self.reply.text

    async def aclose(self) -> None:
        """There is nothing to close."""


def drawing(*things: tuple[str, str, str, int], seed: int = 1) -> bytes:
    """Things as shape, colour, size and cell, from 0 in the top left to 8 in the bottom right."""
    scene = Scene(tuple(Thing(*thing) for thing in things), "white")
    file = io.BytesIO()
    draw_scene(scene, Style(width=264, height=264), random.Random(seed)).save(file, "PNG")
    return file.getvalue()


async def answer(world: World, channel: ChannelHandle | None = None) -> discord.Message:
    """The bot's latest message, once it is finished."""
    async with asyncio.timeout(60):
        while True:
            await world.env.settle()
            answers = world.answers(channel)
            if answers and "Delete" in world.labels(answers[-1]):
                return answers[-1]
            await asyncio.sleep(0.05)


async def said(world: World, message: discord.Message, channel: ChannelHandle | None = None) -> str:
    """A message as Discord has it now."""
    history = (channel or world.channel).history()
    return await shown(next(one for one in history if one.id == message.id))


async def conversation(world: World) -> str:
    house = drawing(("house", "red", "big", 4), ("tree", "green", "medium", 3), ("sun", "yellow", "small", 2))
    question = await world.ask("What is in this picture?", house)
    first = await answer(world)
    thread = world.thread()
    more = await world.alice.send(thread, "What colour is the house?")
    second = await answer(world, thread)
    return "".join(
        (
            place("#", "pictures"),
            await shown(question, thread=thread.name),
            await shown(first),
            place("⌗", thread.name),
            await said(world, more, thread),
            await shown(second),
        )
    )


async def modes(world: World) -> str:
    here = Scope(world.channel.id)
    await world.store.change_settings(here, ChannelSettings(mode=Mode.CLASSIFY, labels=LABELS))
    house = await world.ask("", drawing(("house", "red", "big", 4)))
    ranked = await answer(world)
    captions = ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE)
    await world.store.change_settings(here, captions)
    things = [drawing(("circle", "red", "big", 4)), drawing(("car", "blue", "big", 4))]
    posted = await world.bob.send(
        world.channel, "from my walk", attachments=[(f"{n}.png", each) for n, each in enumerate(things)]
    )
    described = await answer(world)
    return "".join([await shown(each) for each in (house, ranked, posted, described)])


async def panel(world: World) -> str:
    await world.store.change_settings(
        Scope(world.guild.id, is_server=True), ChannelSettings(temperature=0.4, language="en")
    )
    await world.store.change_settings(
        Scope(world.channel.id), ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE)
    )
    result = await moderator(world).slash(world.channel, "settings")
    assert result.response is not None
    return await shown(result.response.message, only="Only you can see this")


PICTURES: dict[str, Callable[[World], Awaitable[str]]] = {
    "discord-conversation": conversation,
    "discord-modes": modes,
    "discord-settings": panel,
}


async def main(folder: Path) -> None:
    engine = Outside(await load_engine("demo"))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page(viewport={"width": 600, "height": 200}, device_scale_factor=1.5)
        for name, story in PICTURES.items():
            with tempfile.TemporaryDirectory() as store:
                async with opened(Path(store), engine=engine) as world:
                    engine.env = world.env
                    with world.env.time_context():
                        content = await story(world)
            await tab.set_content(page(content))
            picture = Image.open(io.BytesIO(await tab.screenshot(full_page=True))).convert("RGB")
            picture.quantize(256, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)
            print(folder / f"{name}.png")
        await browser.close()
    await engine.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
