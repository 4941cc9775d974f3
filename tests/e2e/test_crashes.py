"""The process is killed: after the next start each question has exactly one finished answer."""

from __future__ import annotations

import asyncio
import io
import random
from pathlib import Path

import pytest
from PIL import Image

from bot.bridge.announcing import ENDED
from tests.e2e.crashes import Crashing, crashing
from tests.standin import faults

pytestmark = pytest.mark.timeout(300)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "PNG")
    return file.getvalue()


async def before_the_row(scene: Crashing) -> None:
    scene.discord.fail("GET", "/attachments/", faults.Hang())
    before = len(scene.discord.calls("GET"))
    await scene.ask(pictures=[picture()])
    await scene.discord.wait_for(lambda: len(scene.discord.calls("GET")) > before, "it fetches the picture")


async def while_the_first_message_is_posted(scene: Crashing) -> None:
    scene.discord.fail("POST", "/messages$", faults.AnswerHeld())
    question = await scene.ask()
    await scene.discord.wait_for(lambda: scene.replies(question), "it is there")


async def while_the_first_message_is_posted_and_long_forgotten(scene: Crashing) -> None:
    await while_the_first_message_is_posted(scene)
    scene.discord.world.forget_nonces()


async def while_the_first_message_is_posted_long_after_the_question(scene: Crashing) -> None:
    """So much was said since that the answer is not looked for there."""
    scene.discord.fail("POST", "/messages$", faults.Hang())
    before = len(scene.discord.calls("POST"))
    question = await scene.ask()
    await scene.discord.wait_for(lambda: len(scene.discord.calls("POST")) > before, "it tries to post")
    await scene.kill()
    scene.discord.fail("POST", "/messages$", faults.AnswerHeld())
    for number in range(150):
        await scene.people[0].send(question.channel, f"chatter {number}")
    await scene.start()
    await scene.discord.wait_for(lambda: scene.replies(question), "it is there")
    scene.discord.world.forget_nonces()


async def while_the_answer_grows(scene: Crashing) -> None:
    question = await scene.ask()
    await scene.discord.wait_for(lambda: scene.replies(question), "it is there")


async def while_an_edit_is_refused_and_repeated(scene: Crashing) -> None:
    scene.discord.fail("PATCH", "/messages/", faults.rate_limited(5.0))
    before = len(scene.discord.calls("PATCH"))
    await scene.ask()
    await scene.discord.wait_for(lambda: len(scene.discord.calls("PATCH")) > before, "it edits")


async def between_the_last_edit_and_the_record(scene: Crashing) -> None:
    scene.discord.fail("PATCH", "/messages/", faults.AnswerHeld())
    question = await scene.ask()
    await scene.discord.wait_for(
        lambda: [one for one in scene.replies(question) if one.content.endswith("end.")], "it is edited"
    )


async def while_a_thread_is_opened(scene: Crashing) -> None:
    scene.discord.fail("POST", "/threads$", faults.AnswerHeld())
    question = await scene.ask(pictures=[picture()])
    await scene.discord.wait_for(lambda: question.thread, "the thread")


async def while_many_wait(scene: Crashing) -> None:
    for _ in range(20):
        await scene.ask()
    await scene.discord.wait_for(lambda: len(scene.discord.by_bot()) > 6, "some are being answered")


STAGES = [
    before_the_row,
    while_many_wait,
    while_the_first_message_is_posted,
    while_the_first_message_is_posted_and_long_forgotten,
    while_the_first_message_is_posted_long_after_the_question,
    while_the_answer_grows,
    while_an_edit_is_refused_and_repeated,
    between_the_last_edit_and_the_record,
    while_a_thread_is_opened,
]


def test_killed_at_every_stage(tmp_path: Path) -> None:
    async def main() -> None:
        async with crashing(tmp_path) as scene:
            for stage in STAGES:
                await stage(scene)
                await scene.kill()
                await scene.start()
                try:
                    await scene.until_all_are_answered()
                except AssertionError as error:
                    error.add_note(f"killed {stage.__name__}")
                    raise

    asyncio.run(main())


def test_killed_before_a_commands_question_is_taken_in(tmp_path: Path) -> None:
    async def main() -> None:
        async with crashing(tmp_path) as scene:
            discord, alice, place = scene.discord, scene.people[0], scene.channels[0]
            discord.fail("GET", "/attachments/", faults.Hang())
            before = len(discord.calls("GET"))
            asked = await alice.command(
                place, "ask", picture=alice.file("it.png", picture()), question="question 99"
            )
            await discord.wait_for(lambda: len(discord.calls("GET")) > before, "it fetches the picture")
            shown = asked.original
            assert shown is not None
            assert shown.content == "Looking at it.png …"
            await scene.kill()
            await scene.start()
            await discord.wait_for(lambda: shown.content == ENDED, "it says that it was ended")

    asyncio.run(main())


def fail_somehow(scene: Crashing, draw: random.Random) -> None:
    """Some of the next requests go wrong."""
    for _ in range(draw.randrange(3)):
        method, path = draw.choice(
            [("PATCH", "/messages/"), ("POST", "/messages$"), ("POST", "/threads$"), ("GET", "/messages")]
        )
        fault = draw.choice(
            [
                faults.rate_limited(draw.uniform(0.1, 2.0)),
                faults.AnswerLost(),
                faults.Cut(),
                faults.SERVER_ERROR,
            ]
        )
        scene.discord.fail(method, path, fault, times=draw.randrange(1, 4))


def killed_at_moments(folder: Path, times: int, seed: int, pauses: tuple[float, float]) -> None:
    """People go on asking while the bot stalls, is killed and started again and again.

    `pauses`: seconds between two questions.
    """
    draw = random.Random(seed)

    async def main() -> None:
        async with crashing(folder) as scene:

            async def go_on_asking() -> None:
                while True:
                    await scene.ask(pictures=[picture()] if draw.random() < 0.2 else [])
                    await asyncio.sleep(draw.uniform(*pauses))

            asking = asyncio.create_task(go_on_asking())
            for _ in range(times):
                await asyncio.sleep(draw.uniform(0.0, 2.0))
                fail_somehow(scene, draw)
                if draw.random() < 0.5:
                    await scene.stall(draw.uniform(0.0, 4.0))
                    await asyncio.sleep(draw.uniform(0.0, 1.0))
                await scene.kill()
                await scene.start()
            asking.cancel()
            await asyncio.wait({asking})
            await scene.until_all_are_answered()
            print(f"killed {times} times, {len(scene.questions)} questions, each with one finished answer")

    asyncio.run(main())


def test_killed_at_moments(tmp_path: Path) -> None:
    killed_at_moments(tmp_path, 3, seed=1, pauses=(0.2, 1.0))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_at_fifty_moments(tmp_path: Path) -> None:
    killed_at_moments(tmp_path, 50, seed=2, pauses=(0.02, 0.2))
