from __future__ import annotations

from pathlib import Path

from bot.conversation.channel_settings import ChannelSettings, History
from bot.conversation.messages import Scope
from tests.bot.discord_world import World, picture, tell


def test_the_first_use_of_a_channel_brings_what_was_said_before(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for number in range(60):
            world.env.backend.create_message(world.channel.id, world.bob.id, f"word{number}")
        await world.bob.send(world.channel, "a photo", attachments=[("a.png", picture("blue"))])
        await world.store.change_settings(Scope(world.channel.id), ChannelSettings(history=History.ALL))
        await world.ask("what was that?")
        prompt = world.engine.shown(-1)
        assert "[blue]" in prompt
        assert "word59" in prompt
        assert "word9 " not in prompt.replace("\n", " ")
        reads = [
            each for each in world.env.http_requests if each.method == "GET" and "/messages" in each.path
        ]
        await world.ask("and now?")
        assert len(reads) == len(
            [each for each in world.env.http_requests if each.method == "GET" and "/messages" in each.path]
        )

    tell(tmp_path, story)


def test_where_only_what_is_said_to_the_bot_counts_nothing_is_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.bob.send(world.channel, "hello all")
        await world.ask("what was that?")
        assert "hello all" not in world.engine.shown(0)

    tell(tmp_path, story)
