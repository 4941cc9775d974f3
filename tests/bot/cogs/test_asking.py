"""/ask, /caption, /story and the message menus."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from bot.bridge.announcing import ENDED
from bot.conversation.channel_settings import Mode
from bot.conversation.keeping import Announced
from bot.conversation.limits import Limits
from bot.conversation.notes import UNABLE
from bot.languages.words import words_in
from bot.store.errors import StoreError
from tests.bot.cogs.speaking import ATTACHED, mode, moderator, text_of, told
from tests.bot.discord_world import World, picture, tell


def test_asking_by_command(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.alice.slash(world.channel, "ask", picture=ATTACHED, question="what is this?")
        question = world.channel.history()[0]
        assert (question.content, len(question.attachments)) == ("what is this?", 1)
        answer = world.answers()[-1]
        assert answer.content == "A red square."
        assert answer.reference is not None
        assert answer.reference.message_id == question.id
        assert world.engine.shown(0).startswith("User:[red]what is this?")
        # As with any other question: only its asker and moderators may steer, and it can be gone on with.
        assert (await world.bob.click(answer, label="Regenerate")).ephemeral
        await world.alice.click(answer, label="Regenerate")
        assert world.answers()[-1].content == "Two."
        await world.bob.send(world.thread(), "which colour?")
        assert "[red]" in world.engine.shown(2)

    tell(tmp_path, story, "A red square.", "Two.")


@pytest.mark.parametrize(
    ("command", "prompt"),
    [
        ("caption", "[red]"),
        ("story", "Instruction: Use the image to write a story. \n[red]Story: \n"),
    ],
)
def test_a_task_by_command_whatever_the_channels_mode(tmp_path: Path, command: str, prompt: str) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.VQA)
        await world.alice.slash(world.channel, command, picture=ATTACHED)
        assert world.engine.shown(0) == prompt
        assert world.answers()[-1].content == "Answer 1."

    tell(tmp_path, story)


def test_what_is_no_picture_is_said_privately(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        result = await world.alice.slash(world.channel, "caption", picture=("a.txt", b"words"))
        assert [each.ephemeral for each in result.followups] == [True]
        assert result.followups[0].content.startswith("I could not use a.txt. This is not a picture")
        assert world.channel.history() == []
        assert world.engine.asked == []

    tell(tmp_path, story)


def test_a_question_that_cannot_be_taken_in_does_not_stay(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async def full(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        world.store.open_request = full  # type: ignore[assignment]
        result = await world.alice.slash(world.channel, "ask", picture=ATTACHED, question="what is this?")
        assert [each.ephemeral for each in result.followups] == [True]
        assert result.followups[0].content == UNABLE
        assert world.channel.history() == []

    tell(tmp_path, story)


@pytest.mark.parametrize("taken_in", [False, True])
def test_a_question_that_was_not_taken_in_before_the_end_says_so(tmp_path: Path, taken_in: bool) -> None:
    async def story(world: World) -> None:
        await world.alice.slash(world.channel, "ask", picture=ATTACHED, question="what is this?")
        question = world.channel.history()[0]
        assert await world.store.announced() == []
        if not taken_in:
            question = await world.client.get_partial_messageable(world.channel.id).send("Looking at it …")
        await world.store.keep_announced(Announced(question.id, world.channel.id, "de"))
        await world.restart()
        await world.env.settle()
        shown = next(one for one in world.channel.history() if one.id == question.id)
        assert shown.content == ("what is this?" if taken_in else words_in("de").said(ENDED))
        assert await world.store.announced() == []

    tell(tmp_path, story)


def test_where_the_bot_cannot_write_that_is_said_privately(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        silent = world.guild.create_text_channel(
            "silent",
            overwrites={world.guild.default_role: discord.PermissionOverwrite(send_messages=False)},
        )
        said = told(await world.alice.slash(silent, "caption", picture=ATTACHED))
        assert said == "I cannot answer here: I need the permission Send Messages first."
        assert world.engine.asked == []

    tell(tmp_path, story)


def test_limits_hold_for_commands(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.alice.slash(world.channel, "caption", picture=ATTACHED)
        result = await world.alice.slash(world.channel, "caption", picture=ATTACHED)
        assert result.followups[-1].ephemeral
        assert result.followups[-1].content.startswith("You have asked 1 question within a minute")
        assert len(world.engine.asked) == 1

    tell(tmp_path, story, limits=Limits(per_minute_per_person=1))


def test_moderators_have_no_limits_where_that_is_set(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        for person, answers in ((world.alice, 1), (mod, 3)):
            for _ in range(3):
                await person.send(world.channel, f"{world.mention} hello")
            asked = [one for one in world.answers() if one.reference and one.content.startswith("Answer")]
            assert len(asked) == answers + (0 if person is world.alice else 1)

    tell(tmp_path, story, limits=Limits(per_minute_per_person=1, moderators_exempt=True))


def test_message_menus(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "look", attachments=[("b.png", picture("blue"))])
        await world.alice.context_menu(world.channel, "Describe this picture", posted)
        assert world.engine.shown(0) == "User:[blue]What is in this image?</u>\nAssistant:"
        form = await world.alice.context_menu(world.channel, "Ask about this picture", posted)
        await world.alice.submit_modal(form, {text_of(form): "Which colour?"})
        assert "[blue]Which colour?" in world.engine.shown(1)
        assert [each.content for each in world.answers()][-1] == "Answer 2."
        plain = await world.bob.send(world.channel, "no picture")
        for name in ("Describe this picture", "Ask about this picture"):
            said = told(await world.alice.context_menu(world.channel, name, plain))
            assert said == "There is no picture in that message: choose one that shows a picture."
        said = told(await moderator(world).context_menu(world.channel, "Add as example", plain))
        assert said.startswith("There is no picture in that message")

    tell(tmp_path, story)
