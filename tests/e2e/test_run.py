"""The whole program: the process `idefics-bot run`, a Discord on loopback, files, sockets and signals."""

from __future__ import annotations

import asyncio
import io
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.web.serving import bind
from inference.demo.drawing import Style, draw_scene
from inference.demo.world import Scene, Thing
from tests.e2e.checkpoints import write_endless_checkpoint
from tests.e2e.process import END_S, START_S, running, started, write_settings
from tests.standin.rest import Call
from tests.standin.standin import StandIn
from tests.standin.things import Message

CREATE = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
DELETE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")
STORY_S = 240.0
"""Far more than needed: machines are busy."""

# Beyond STORY_S, of which a failure tells more, there is only ending the bot.
pytestmark = pytest.mark.timeout(STORY_S + 2 * END_S)


def drawing() -> bytes:
    """A PNG file with a big red circle."""
    scene = Scene((Thing("circle", "red", "big", 4),), "white")
    picture = io.BytesIO()
    draw_scene(scene, Style(width=224, height=224), random.Random(1)).save(picture, "PNG")
    return picture.getvalue()


def tell(story: Callable[[StandIn], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(STORY_S), StandIn() as discord:
            await story(discord)

    asyncio.run(main())


def is_finished(message: Message) -> bool:
    return "Stop" not in message.buttons


def unfinished(discord: StandIn) -> list[Message]:
    """What carries Stop: of a long answer that is its last message, not the one that replies."""
    return [message for message in discord.by_bot() if not is_finished(message)]


async def finished(discord: StandIn, question: Message) -> Message:
    """The bot's finished answer to the question, which replies to it."""
    return await discord.wait_for_message(reply_to=question, where=is_finished)


def assert_pings_nobody_but_the_asker(call: Call) -> None:
    allowed = call.body["allowed_mentions"]
    assert allowed.get("parse") == []
    assert not allowed.get("users")
    assert not allowed.get("roles")


def assert_requests_keep_the_rules(discord: StandIn) -> None:
    """Nonces, pings and pace, over everything that the bot sent."""
    created = discord.calls(*CREATE)
    assert all(call.body["enforce_nonce"] for call in created)
    nonces = [call.body["nonce"] for call in created]
    # A part of an answer that began anew is taken away again.
    deleted = [call for call in discord.calls(*DELETE) if call.status == 204]
    assert len(set(nonces)) == len(discord.by_bot()) + len(deleted)
    for call in (*created, *discord.calls(*EDIT)):
        assert_pings_nobody_but_the_asker(call)
    assert [call for call in discord.calls() if call.status in (401, 403, 429)] == []


def test_answers_under_way_are_stopped_or_taken_up_after_a_restart(tmp_path: Path) -> None:
    async def story(discord: StandIn) -> None:
        channel = discord.add_channel(discord.add_server())
        alice, bob = discord.add_person("Alice"), discord.add_person("Bob")
        checkpoint = write_endless_checkpoint(tmp_path / "endless")
        settings = write_settings(tmp_path, discord, str(checkpoint), "replies.max_new_tokens = 8000")
        async with running(discord, settings) as bot:
            stopped = await alice.send(channel, f"{discord.bot.mention} go on", pictures=[drawing()])
            answer = await discord.wait_for_message(reply_to=stopped)
            assert list(answer.buttons) == ["Stop"]
            await discord.wait_for(lambda: len(answer.contents) > 1, "the answer grows")
            assert not is_finished(answer)
            await alice.click(answer, "Stop")
            await discord.wait_for(lambda: is_finished(answer), "the answer is stopped")

            left = await alice.send(channel, f"{discord.bot.mention} and on")
            half = await discord.wait_for_message(reply_to=left)
            status, seconds = await bot.terminate()
            assert (status, seconds < END_S) == (0, True)
            assert len(unfinished(discord)) == 1

        missed = await bob.send(channel, f"{discord.bot.mention} anybody there?")
        edits = len(half.contents)
        async with running(discord, settings) as bot:
            await discord.wait_for(lambda: len(half.contents) > edits, "the answer is taken up again")
            late = await discord.wait_for_message(reply_to=missed)
            for asker in (alice, bob):
                growing = next(one for one in unfinished(discord) if (one is late) == (asker is bob))
                await asker.click(growing, "Stop")
                await discord.wait_for(lambda growing=growing: is_finished(growing), "it is stopped")
            assert (await bot.terminate())[0] == 0
        for question in (stopped, left, missed):
            replies = [one for one in discord.by_bot() if one.reference == (channel.id, question.id)]
            assert len(replies) == 1
        assert_requests_keep_the_rules(discord)

    tell(story)


def test_what_is_wrong_at_the_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    async def story(discord: StandIn) -> None:
        async def said_by(token: str, port: int = 0) -> str:
            """The last line of the log, of a bot that ends by itself."""
            settings = write_settings(tmp_path, discord, "demo", port=port)
            settings.with_suffix(".log").unlink(missing_ok=True)
            async with started(settings, token) as bot:
                status = await asyncio.wait_for(bot.process.wait(), START_S)
            said = bot.log.read_text(encoding="utf-8")
            assert status == 2, said
            assert "Traceback" not in said
            return said.splitlines()[-1]

        assert "refuses the token" in await said_by("wrong")
        assert "set DISCORD_TOKEN" in await said_by("")
        with bind("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
            assert f"port {port}: another program uses it" in await said_by(discord.token, port)
        with sqlite3.connect(tmp_path / "bot.sqlite3") as database:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.close()
        assert "made by a newer version of idefics-bot: update" in await said_by(discord.token)

    tell(story)
