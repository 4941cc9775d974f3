"""Where the bot may not do or see something: said once, to whom it concerns."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from bot.cogs import conversation
from bot.cogs.conversation import UNSEEN_IN_THREAD, UNSEEN_REPLY
from bot.conversation.limits import Limits
from tests.bot.discord_world import World, picture, tell

NO_CONTENT = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)


def test_a_refusal_is_said_once_in_a_while(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["Yes", held]]
        await world.ask("first")
        for _ in range(3):
            await world.ask("more")
        assert len(world.engine.asked) == 1
        assert len(world.answers()) == 2
        assert world.answers()[1].reference is not None
        await world.release(held)

    tell(tmp_path, story, limits=Limits(in_flight_per_person=1))


def test_a_refusal_pings_nobody_but_whom_it_refuses(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for _ in range(2):
            await world.ask("hello")
        refusal = world.requests("POST", "/messages")[-1]
        assert "within a minute" in refusal["content"]
        assert refusal["allowed_mentions"] == {"parse": [], "replied_user": True}

    tell(tmp_path, story, limits=Limits(per_minute_per_person=1))


def test_whom_it_told_something_is_not_remembered_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "REMEMBERED", 1)

    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["Yes", held], ["Yes", held]]
        for person in (world.alice, world.bob):
            await person.send(world.channel, f"{world.mention} first")
        for person in (world.alice, world.bob, world.alice, world.alice):
            await person.send(world.channel, f"{world.mention} more")
        assert len(world.answers()) == 2 + 3
        await world.release(held)

    tell(tmp_path, story, limits=Limits(in_flight_per_person=1))


def test_without_the_intent_an_unseen_picture_is_explained(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "look", attachments=[("a.png", picture())])
        await world.alice.send(world.channel, f"{world.mention} what is this?", reply_to=posted)
        assert world.answer().content == f"Answer 1.\n-# {UNSEEN_REPLY}"

    tell(tmp_path, story, message_content=False, approved_intents=NO_CONTENT)


def test_without_the_intent_a_thread_asks_for_mentions_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        thread = world.thread()
        await world.alice.send(thread, "which colour?")
        await world.alice.send(thread, "hello?")
        assert [each.content for each in world.answers(thread)] == [UNSEEN_IN_THREAD]
        await world.alice.send(thread, f"{world.mention} which colour?")
        assert world.answers(thread)[-1].content == "Answer 2."

    tell(tmp_path, story, message_content=False, approved_intents=NO_CONTENT)


def test_where_it_may_not_write_the_asker_is_told_privately_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        me = world.client.user
        assert me is not None
        closed = world.guild.create_text_channel(
            "closed", overwrites={me: discord.PermissionOverwrite(send_messages=False)}
        )
        await world.env.settle()
        for _ in range(2):
            await world.alice.send(closed, f"{world.mention} hello")
        (said,) = world.answers(world.alice.user.dm_channel)
        assert (
            said.content == f"I cannot answer in {closed.mention}: I need the permission Send Messages there."
        )
        assert world.engine.asked == []
        assert world.requests("POST", f"/channels/{closed.id}/messages") == []

    tell(tmp_path, story)


def test_without_threads_it_goes_on_in_replies(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        me = world.client.user
        assert me is not None
        world.channel = world.guild.create_text_channel(
            "flat", overwrites={me: discord.PermissionOverwrite(create_public_threads=False)}
        )
        await world.ask("what?", picture())
        assert world.channel.threads == []
        assert world.answer().content == (
            "Answer 1.\n-# Ask on by replying: for a thread I need the permission Create Public Threads here."
        )
        await world.alice.send(world.channel, "and now?", reply_to=world.answer())
        assert "[red]" in world.engine.shown(1)

    tell(tmp_path, story)


def test_without_the_history_it_answers_but_cannot_reply(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        me = world.client.user
        assert me is not None
        world.channel = world.guild.create_text_channel(
            "forgetful", overwrites={me: discord.PermissionOverwrite(read_message_history=False)}
        )
        await world.ask("one")
        await world.ask("two")
        first, second = world.answers()
        assert first.reference is None
        assert "Read Message History" in first.content
        assert second.content == "Answer 2."

    tell(tmp_path, story)
