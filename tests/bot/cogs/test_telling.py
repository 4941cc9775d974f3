"""/help, /queue, /stats and /reset."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from bot.conversation.channel_settings import Mode
from tests.bot.cogs.speaking import mode, moderator, told
from tests.bot.discord_world import World, picture, tell


def test_reset(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what is this?", picture())
        thread = world.thread()
        assert told(await world.bob.slash(thread, "reset")).startswith("Only moderators can do that here")
        said = told(await world.alice.slash(thread, "reset"))
        assert said == "We begin afresh: what was said before no longer counts."
        await world.alice.send(thread, "hello")
        assert world.engine.shown(1) == "User: hello</u>\nAssistant:"
        assert told(await moderator(world).slash(world.channel, "reset")) == said

    tell(tmp_path, story)


def test_help_tells_of_the_mode_here(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.STORY)
        shown = (await world.alice.slash(world.channel, "help")).response
        assert shown is not None
        assert shown.ephemeral
        [embed] = shown.embeds
        assert embed.fields[0].value == "`story`: makes up a story from the picture"
        assert "/ask" in str(embed.fields[1].value)

    tell(tmp_path, story)


def test_the_queue(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert "Nobody waits" in told(await world.alice.slash(world.channel, "queue"))
        first, second = world.event(), world.event()
        world.engine._answers = [["One", first, "."], [second, "Two."]]
        await world.ask("one?")
        await world.bob.send(world.channel, f"{world.mention} two?")
        assert told(await world.bob.slash(world.channel, "queue")) == (
            "1 answer is being written. 1 question waits. Yours is at place 1."
        )
        assert "Yours" not in told(await world.alice.slash(world.channel, "queue"))
        await world.release(first)
        await world.release(second)

    tell(tmp_path, story)


def test_statistics_with_reactions(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert told(await world.alice.slash(world.channel, "stats")) == "0 answers in the last 14 days."
        await world.ask("one?")
        answer = world.answer()
        await world.alice.react(answer, "👍🏽")
        await world.bob.react(answer, "👎")
        await world.bob.react(answer, "👍")
        await world.bob.unreact(answer, "👎")
        await world.bob.react(answer, "🎉")
        shown = (await world.alice.slash(world.channel, "stats")).response
        assert shown is not None
        assert shown.content.startswith("1 answer in the last 14 days.")
        assert shown.content.endswith("👍 2 · 👎 0")
        [plot] = shown.attachments
        assert Image.open(io.BytesIO(await plot.read())).width > 400

    tell(tmp_path, story)
