from __future__ import annotations

from pathlib import Path

import discord
import pytest

from tests.bot.discord_world import World, picture, tell


def test_a_mention_with_a_picture_is_answered_in_a_reply(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("what is this?", picture())
        answer = world.answer()
        assert answer.content == "A red square."
        assert answer.reference is not None
        assert answer.reference.message_id == question.id
        assert "[red]" in world.engine.shown(0)

    tell(tmp_path, story, "A red square.")


def test_a_thread_goes_on_without_mention_and_picture(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what is this?", picture())
        thread = world.thread()
        assert thread.name == "what is this?"
        await world.alice.send(thread, "which colour?")
        assert world.answer(thread).content == "Red."
        assert "[red]" in world.engine.shown(1)
        assert "A red square." in world.engine.shown(1)
        await world.restart()
        await world.bob.send(thread, "and its shape?")
        assert [each.content for each in world.answers(thread)] == ["Red.", "Answer 3."]
        assert "[red]" in world.engine.shown(2)

    tell(tmp_path, story, "A red square.", "Red.")


def test_a_reply_to_the_bot_needs_no_mention(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("hello")
        await world.bob.send(world.channel, "go on", reply_to=world.answer())
        assert [each.content for each in world.answers()] == ["Answer 1.", "Answer 2."]

    tell(tmp_path, story)


def test_the_picture_replied_to_is_the_one_that_is_meant(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "look", attachments=[("a.png", picture("blue"))])
        await world.alice.send(world.channel, f"{world.mention} what is this?", reply_to=posted)
        assert "[blue]" in world.engine.shown(0)

    tell(tmp_path, story)


def test_a_forwarded_picture_is_seen(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "look", attachments=[("a.png", picture("blue"))])
        thread_question = await world.ask("hello", picture())
        await world.alice.forward(posted, world.thread())
        assert thread_question.id == world.thread().id
        assert "[blue]" in world.engine.shown(1)

    tell(tmp_path, story)


def test_direct_messages_are_answered(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.alice.send_dm("hello")
        answer = world.alice.user.dm_channel.last_message
        assert answer is not None
        assert answer.content == "Answer 1."

    tell(tmp_path, story)


def test_what_is_not_for_the_bot_is_left_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        robot = world.guild.add_member(world.env.create_user("robot", bot=True))
        await world.alice.send(world.channel, "hello all")
        await robot.send(world.channel, f"{world.mention} hello")
        await world.guild.create_webhook(world.channel).send(f"{world.mention} hello")
        assert world.answers() == []
        assert world.engine.asked == []

    tell(tmp_path, story)


def test_no_message_pings_more_than_its_asker_or_comes_twice(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("hello")
        created, edited = world.requests("POST", "/messages"), world.requests("PATCH", "")
        assert len(created) == 1
        assert edited
        assert created[0]["allowed_mentions"] == {"parse": [], "replied_user": True}
        assert created[0]["enforce_nonce"] is True
        # Another process would send the same one.
        assert created[0]["nonce"] == f"{question.id:x}-00"
        assert len(created[0]["nonce"]) <= 25
        for body in edited:
            assert body["allowed_mentions"]["parse"] == []
            assert not body["allowed_mentions"].get("replied_user")

    tell(tmp_path, story, "Hello @everyone and <@&1>")


def test_nobody_is_pinged_where_that_is_set(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("hello")
        assert not world.requests("POST", "/messages")[0]["allowed_mentions"].get("replied_user")

    tell(tmp_path, story, ping_author=False)


def test_an_answer_can_be_stopped_by_its_asker_and_keeps_its_text(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A red", held, " square."]]
        await world.ask("what?", picture())
        assert world.answer().content == "A red"
        assert world.labels(world.answer()) == ["Stop"]
        refused = await world.bob.click(world.answer(), label="Stop")
        assert refused.ephemeral
        assert world.labels(world.answer()) == ["Stop"]
        stopped = await world.alice.click(world.answer(), label="Stop")
        assert stopped.acknowledged
        assert world.answer().content == "A red\n-# Stopped."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]
        assert world.engine.cancelled == 1

    tell(tmp_path, story)


@pytest.mark.parametrize("right", ["manage_messages", "manage_channels"])
def test_a_moderator_may_stop_it_too(tmp_path: Path, right: str) -> None:
    async def story(world: World) -> None:
        role = world.guild.create_role("Mods", permissions=discord.Permissions(**{right: True}))
        moderator = world.guild.add_member(world.env.create_user("mod"), roles=[role])
        world.engine._answers = [["A red", world.event(), " square."]]
        await world.ask("what?")
        await moderator.click(world.answer(), label="Stop")
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]

    tell(tmp_path, story)


def test_regenerate_works_after_a_restart_and_answers_in_the_same_message(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        before = world.answer()
        await world.restart()
        refused = await world.bob.click(before, label="Regenerate")
        assert refused.ephemeral
        await world.alice.click(before, label="Regenerate")
        assert world.answer().id == before.id
        assert world.answer().content == "Another."
        assert world.labels(world.answer()) == ["Regenerate", "Delete", "◀", "2/2", "▶"]

    tell(tmp_path, story, "One.", "Another.")


def test_delete_takes_the_answer_out_of_the_history(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.alice.send_dm("hello")
        dm = world.alice.user.dm_channel
        assert dm.last_message is not None
        await world.alice.user.click(dm.last_message, label="Delete")
        assert world.answers(dm) == []
        await world.alice.send_dm("and now?")
        assert "Secret" not in world.engine.shown(1)

    tell(tmp_path, story, "Secret words.")


def test_a_long_answer_is_several_messages(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. {'word ' * 100}\n\n" for number in range(10)]

    async def story(world: World) -> None:
        question = await world.ask("tell me")
        first, *others = world.answers()
        assert len(others) >= 2
        assert first.reference is not None
        assert first.reference.message_id == question.id
        assert all(len(each.content) <= 2000 for each in (first, *others))
        assert [word for each in (first, *others) for word in each.content.split()] == "".join(
            paragraphs
        ).split()
        assert [world.labels(each) for each in (first, *others)] == [[]] * len(others) + [
            ["Regenerate", "Delete"]
        ]
        await world.alice.click(others[-1], label="Regenerate")
        assert [each.content for each in world.answers()] == ["Short."]
        await world.bob.send(world.channel, "go on", reply_to=world.answer())
        assert "Short." in world.engine.shown(2)

    tell(tmp_path, story, paragraphs, "Short.")


def test_a_place_in_line_is_shown_with_a_stop_button(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first, second = world.event(), world.event()
        world.engine._answers = [[first, "One."], [second, "Two."]]
        await world.ask("first")
        await world.ask("second")
        line = world.answer()
        assert line.content == "In line: place 2."
        assert world.labels(line) == ["Stop"]
        await world.release(first)
        await world.release(second)
        assert sorted(each.content for each in world.answers()) == ["One.", "Two."]

    tell(tmp_path, story)


def test_skipped_pictures_are_said_below_the_answer(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", b"no picture", picture())
        assert world.answer().content.startswith("A red square.\n-# I could not use 0.png")
        assert world.engine.pictures(0) == 1
        await world.ask("what?", b"no picture")
        unseen = world.answers()[-1]
        assert unseen.content.startswith("I could not use 0.png")
        assert world.labels(unseen) == ["Delete"], "there is nothing to ask"

    tell(tmp_path, story, "A red square.")
