"""Modes with the built-in model: the process `idefics-bot run`, moderators' commands, answers by sight."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from inference.demo.drawing import Style, draw_scene
from inference.demo.world import Scene, Thing
from inference.loading import DEMO_FOLDER
from tests.e2e.process import running, write_settings
from tests.standin.permissions import Permission
from tests.standin.standin import StandIn
from tests.standin.things import Message

STORY_S = 400.0

pytestmark = pytest.mark.skipif(not DEMO_FOLDER.exists(), reason="the built-in model is not there")


def drawing(shape: str, colour: str) -> bytes:
    """A PNG file with one big thing."""
    scene = Scene((Thing(shape, colour, "big", 4),), "white")
    picture = io.BytesIO()
    draw_scene(scene, Style(width=224, height=224), random.Random(1)).save(picture, "PNG")
    return picture.getvalue()


async def finished(discord: StandIn, question: Message) -> Message:
    answer = await discord.wait_for_message(reply_to=question)
    await discord.wait_for(lambda: "Stop" not in answer.buttons, "the answer is finished")
    return answer


def tell(story: Callable[[StandIn], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(STORY_S), StandIn() as discord:
            await story(discord)

    asyncio.run(main())


def test_channels_that_classify_follow_examples_and_write_alt_texts(tmp_path: Path) -> None:
    async def story(discord: StandIn) -> None:
        server = discord.add_server()
        sorting, following, seeing = (
            discord.add_channel(server, name) for name in ("sorting", "following", "seeing")
        )
        alice = discord.add_person("Alice")
        mona = discord.add_person("Mona", extra=Permission.MANAGE_CHANNELS)
        settings = write_settings(tmp_path, discord, "demo", 'replies.trigger = "every picture"')
        async with running(discord, settings) as bot:
            refused = await alice.command(sorting, "mode set", mode="classify")
            assert "Only moderators can do that" in refused.text

            await mona.command(sorting, "mode set", mode="classify")
            await mona.command(sorting, "labels set", labels="house, car, animal")
            answer = await finished(discord, await alice.send(sorting, pictures=[drawing("house", "red")]))
            assert answer.content.startswith("house (")
            [bars] = answer.attachments
            assert (bars.name, bars.data[:4]) == ("labels.png", b"\x89PNG")

            await mona.command(following, "mode set", mode="few-shot")
            for shape, colour in (("circle", "red"), ("square", "blue")):
                example = mona.file(f"{shape}.png", drawing(shape, colour))
                said = await mona.command(
                    following, "examples add", picture=example, answer=f"Weather: {colour} {shape}"
                )
                await discord.wait_for(lambda said=said: "example" in said.text, "the example is kept")
            question = await alice.send(following, pictures=[drawing("car", "yellow")])
            assert (await finished(discord, question)).content == "Weather: yellow car"

            await mona.command(seeing, "mode set", mode="caption")
            things = (("circle", "red"), ("square", "blue"), ("house", "green"), ("tree", "yellow"))
            question = await alice.send(seeing, pictures=[drawing(*thing) for thing in things])
            answer = await finished(discord, question)
            lines = answer.content.splitlines()
            assert len(lines) == 4
            for number, ((shape, colour), line) in enumerate(zip(things, lines, strict=True), 1):
                assert line.startswith(f"{number}. ")
                assert f"{colour} {shape}" in line
            await alice.click(answer, "Use as alt text")
            await discord.wait_for(lambda: len(answer.attachments) == 4, "the pictures carry their texts")

            asked = await alice.command(
                seeing,
                "ask",
                picture=mona.file("a.png", drawing("car", "red")),
                question="What colour is the car?",
            )
            posted = asked.original
            assert posted is not None
            assert "red" in (await finished(discord, posted)).content
            assert (await bot.terminate())[0] == 0

    tell(story)
