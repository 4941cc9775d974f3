"""Every command, right and wrong, as people use it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from PIL import Image
from simcord.actors import MemberActor

from bot.bridge.convert import place
from bot.conversation.channel_settings import ChannelSettings, Mode, Trigger
from bot.conversation.keeping import Owners
from bot.conversation.limits import Limits
from bot.conversation.messages import PhotoOffer, Place, Scope, StoredPhoto
from tests.bot.discord_world import World, picture, tell
from tests.fake_engine import Cut

ATTACHED = ("a.png", picture())
"""As an option of a command is given."""


def moderator(world: World) -> MemberActor:
    role = world.guild.create_role("Mods", permissions=discord.Permissions(manage_channels=True))
    return world.guild.add_member(world.env.create_user("mod"), roles=[role])


def told(result: simcord.InteractionResult) -> str:
    """What was said to the person alone."""
    said = [one for one in (result.response, *result.followups) if one is not None]
    assert said
    assert all(one.ephemeral for one in said), said
    return unlinked("\n".join(one.content for one in said if one.content))


def unlinked(text: str) -> str:
    """With commands as they are typed, in place of what Discord shows as a link."""
    return re.sub(r"</([\w ]+):\d+>", r"/\1", text)


async def mode(world: World, chosen: Mode, **settings: Any) -> None:
    await world.store.change_settings(Scope(world.channel.id), ChannelSettings(mode=chosen, **settings))


def test_the_mode_of_a_channel(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        said = told(await mod.slash(world.channel, "mode set", mode="classify"))
        assert said == (
            "The mode is now classify: it picks one of the channel's labels. "
            "It has nothing to choose from yet: give it labels with /labels set."
        )
        said = told(await mod.slash(world.channel, "labels set", labels='cat, "a dog, asleep", CAT'))
        assert said == 'There are 2 labels now: cat, "a dog, asleep"'
        shown = told(await world.alice.slash(world.channel, "mode show"))
        assert shown.splitlines() == [
            "The mode is classify: it picks one of the channel's labels.",
            'Labels: cat, "a dog, asleep"',
        ]
        refused = told(await world.alice.slash(world.channel, "mode set", mode="chat"))
        assert refused.startswith("Only moderators can do that")
        assert (await world.store.settings(_place(world)))[0].mode is Mode.CLASSIFY

    tell(tmp_path, story)


def test_a_thread_inherits_and_may_differ(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await world.ask("what?", picture())
        thread = world.thread()
        await mod.slash(world.channel, "mode set", mode="story")
        assert "story" in told(await world.alice.slash(thread, "mode show"))
        await mod.slash(thread, "mode set", mode="vqa")
        assert "vqa" in told(await world.alice.slash(thread, "mode show"))
        assert "story" in told(await world.alice.slash(world.channel, "mode show"))

    tell(tmp_path, story)


def test_labels(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        here = world.channel
        assert "no labels yet" in told(await world.alice.slash(here, "labels show"))
        await mod.slash(here, "labels set", labels="cat, dog")
        assert told(await mod.slash(here, "labels add", labels="bird, Dog")) == (
            "There are 3 labels now: cat, dog, bird"
        )
        found = await mod.autocomplete(here, "labels remove", "label", "D")
        assert [each["name"] for each in found] == ["dog", "bird"]
        assert (
            told(await mod.slash(here, "labels remove", label="Cat")) == "There are 2 labels now: dog, bird"
        )
        assert told(await world.alice.slash(here, "labels show")) == "Labels: dog, bird"

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("labels set", {"labels": " , ,"}, "at least two different labels"),
        ("labels set", {"labels": "cat"}, "at least two different labels"),
        ("labels set", {"labels": "cat, Cat"}, "at least two different labels"),
        ("labels set", {"labels": ",".join(f"l{number}" for number in range(200))}, "Those are 200 labels"),
        ("labels set", {"labels": "cat," + "x" * 90}, "is too long"),
        ("labels add", {"labels": "cat, dog"}, "nothing new"),
        ("labels remove", {"label": "horse"}, "no label “horse”"),
        ("labels remove", {"label": "cat"}, "Two labels have to stay"),
        ("prefix set", {"text": "x" * 5000}, "5,000 characters"),
        ("prefix set", {"text": "  "}, "is empty"),
        ("examples add", {"picture": ("a.txt", b"no picture"), "answer": "A cat."}, "could not use a.txt"),
        ("examples add", {"picture": ATTACHED, "answer": " "}, "answer is empty"),
        ("examples add", {"picture": ATTACHED, "answer": "x" * 5000}, "5,000 characters"),
        ("examples remove", {"example": "99999999999999999999"}, "no such example"),
        ("examples remove", {"example": "a cat"}, "no such example"),
        ("examples clear", {}, "no examples of its own"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_private_sentence(
    tmp_path: Path, command: str, options: dict[str, Any], sentence: str
) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("cat", "dog"))
        before = await world.store.settings(_place(world))
        said = told(await moderator(world).slash(world.channel, command, **options))
        assert sentence in said
        assert said.count("\n") == 0
        assert await world.store.settings(_place(world)) == before
        assert await world.store.examples(_place(world).scopes) == []

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("mode set", {"mode": "chat"}),
        ("labels set", {"labels": "a, b"}),
        ("labels add", {"labels": "c"}),
        ("labels remove", {"label": "cat"}),
        ("examples add", {"picture": ATTACHED, "answer": "A cat."}),
        ("examples remove", {"example": "1"}),
        ("examples clear", {}),
        ("reset", {}),
    ],
)
def test_what_is_for_moderators(tmp_path: Path, command: str, options: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("cat", "dog", "bird"))
        before = await world.store.settings(_place(world))
        said = told(await world.alice.slash(world.channel, command, **options))
        assert said.startswith("Only moderators can do that")
        assert await world.store.settings(_place(world)) == before
        assert await world.store.examples(_place(world).scopes) == []

    tell(tmp_path, story)


def test_commands_for_moderators_alone_are_not_shown_to_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        shown = world.alice.available_commands(world.channel)
        hidden = {"prefix set", "prefix clear", "settings", "Add as example"}
        assert hidden.isdisjoint(shown)
        assert hidden - {"Add as example"} <= set(moderator(world).available_commands(world.channel))
        assert {"mode show", "labels show", "examples list", "ask", "caption", "story"} <= set(shown)
        # A server may show them to others: then the bot itself sees to it.
        prefix = next(one for one in await world.client.tree.fetch_commands() if one.name == "prefix")
        world.guild.set_command_permissions(prefix, {world.alice: True})
        said = told(await world.alice.slash(world.channel, "prefix set", text="A photo of"))
        assert said.startswith("Only moderators can do that")

    tell(tmp_path, story)


def test_a_prefix(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await mod.slash(world.channel, "mode set", mode="prompted-caption")
        said = told(await mod.slash(world.channel, "prefix set", text="A photo\nof"))
        assert said == "Captions begin with “A photo of” now."
        await world.ask("", picture())
        assert world.answer().content == "A photo of a house."
        said = told(await mod.slash(world.channel, "prefix clear"))
        assert said == "Captions begin with “This is an image of” now."

    tell(tmp_path, story, "a house.")


def test_examples(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        here = world.channel
        assert "no examples yet" in told(await world.alice.slash(here, "examples list"))
        said = told(await mod.slash(here, "examples add", picture=ATTACHED, answer="RED!"))
        assert said == "There is 1 example. They are followed in the mode few-shot: choose it with /mode set."
        await mod.slash(here, "mode set", mode="few-shot")
        posted = await world.bob.send(here, "look", attachments=[("b.png", picture("blue"))])
        form = await mod.context_menu(here, "Add as example", posted)
        assert form.modal is not None
        submitted = await mod.submit_modal(form, {_text_of(form): "BLUE!"})
        assert told(submitted) == "There are 2 examples."
        await world.ask("", picture("green"))
        assert world.engine.shown(0) == (
            "User:[red]Describe this image.\nAssistant: RED!\nUser:[blue]Describe this image.\n"
            "Assistant: BLUE!\nUser:[green]Describe this image.\nAssistant:"
        )
        listed = (await world.alice.slash(here, "examples list")).response
        assert listed is not None
        assert [embed.description for embed in listed.embeds] == ["**1.** RED!", "**2.** BLUE!"]
        assert len(listed.attachments) == 2
        [choice] = await mod.autocomplete(here, "examples remove", "example", "bl")
        assert choice["name"] == "2. BLUE!"
        assert told(await mod.slash(here, "examples remove", example=choice["value"])) == (
            "There is 1 example."
        )
        assert told(await mod.slash(here, "examples clear")) == "There are no examples here now."

    tell(tmp_path, story)


def test_examples_that_there_is_no_room_for_are_named(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        world.engine.context_length = 150
        for _ in range(2):
            result = await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="a " * 40)
        assert "room for 1 only: the oldest 1 is not shown" in told(result)
        listed = (await mod.slash(world.channel, "examples list")).response
        assert listed is not None
        assert [embed.footer.text for embed in listed.embeds] == [
            "Not shown to the model: there is no room for it.",
            None,
        ]

    tell(tmp_path, story)


def test_no_more_examples_than_a_list_can_show(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="one")
        [example] = await world.store.examples(_place(world).scopes)
        photo = await world.service.fetch_photo(_offer(world))
        assert isinstance(photo, StoredPhoto)
        scope, owners = Scope(world.channel.id), Owners(1, 1)
        for _ in range(24):
            await world.store.add_example(scope, photo, example.answer, owners)
        said = told(await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="more"))
        assert said == "There are 25 examples, and no more are possible: remove one first."

    tell(tmp_path, story)


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


def test_message_menus(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "look", attachments=[("b.png", picture("blue"))])
        await world.alice.context_menu(world.channel, "Describe this picture", posted)
        assert world.engine.shown(0) == "User:[blue]What is in this image?</u>\nAssistant:"
        form = await world.alice.context_menu(world.channel, "Ask about this picture", posted)
        await world.alice.submit_modal(form, {_text_of(form): "Which colour?"})
        assert "[blue]Which colour?" in world.engine.shown(1)
        assert [each.content for each in world.answers()][-1] == "Answer 2."
        plain = await world.bob.send(world.channel, "no picture")
        for name in ("Describe this picture", "Ask about this picture"):
            said = told(await world.alice.context_menu(world.channel, name, plain))
            assert said == "There is no picture in that message: choose one that shows a picture."
        said = told(await moderator(world).context_menu(world.channel, "Add as example", plain))
        assert said.startswith("There is no picture in that message")

    tell(tmp_path, story)


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


def test_a_classifying_channel_shows_bars(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("house", "tree"))
        await world.ask("", picture())
        answer = world.answer()
        assert answer.content == "house (67%)"
        [bars] = answer.attachments
        assert bars.description == "house 67%, tree 33%"
        assert world.labels(answer) == ["Delete"], "weighed once more, it would be the same"
        await world.alice.send(world.thread(), "why?")
        assert "[red]" in world.engine.shown(0)
        assert world.answer(world.thread()).attachments == []

    tell(tmp_path, story, "It has a roof.")


def test_several_pictures_are_answered_in_one_message_and_accepted_as_alt_texts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.store.change_settings(
            Scope(world.channel.id), ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE)
        )
        colours = ("red", "green", "blue", "red")
        await world.alice.send(
            world.channel,
            "my holidays",
            attachments=[(f"{number}.png", picture(one)) for number, one in enumerate(colours)],
        )
        answer = world.answer()
        assert answer.content == "\n".join(f"{number}. Answer {number}." for number in range(1, 5))
        assert "Use as alt text" in world.labels(answer)
        refused = await moderator(world).click(answer, label="Use as alt text")
        assert told(refused) == "Only the person whose picture it is can do that."
        accepted = await world.alice.click(answer, label="Use as alt text")
        assert accepted.followups[-1].content.startswith("Done: my answer now shows the pictures")
        answer = world.answer()
        assert [one.description for one in answer.attachments] == [
            f"Answer {number}." for number in range(1, 5)
        ]
        assert "Use as alt text" not in world.labels(answer)

    tell(tmp_path, story)


def test_versions_are_browsed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        await world.alice.click(world.answer(), label="Regenerate")
        await world.alice.click(world.answer(), label="Regenerate")
        assert world.answer().content == "Three."
        assert world.labels(world.answer())[-2:] == ["3/3", "▶"]
        await world.alice.click(world.answer(), label="◀")
        assert world.answer().content == "Two."
        await world.restart()
        await world.alice.click(world.answer(), label="◀")
        assert world.answer().content == "One."
        assert world.labels(world.answer())[-3:] == ["◀", "1/3", "▶"]
        await world.alice.click(world.answer(), label="▶")
        assert world.answer().content == "Two."

    tell(tmp_path, story, "One.", "Two.", "Three.")


def test_a_long_answer_goes_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        assert world.labels(world.answer()) == ["Continue", "Regenerate", "Delete"]
        await world.alice.click(world.answer(), label="Continue")
        assert world.answer().content == "A red square."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]

    tell(tmp_path, story, Cut("A red"), [" square."])


def test_in_direct_messages_everybody_decides(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        alice = world.alice.user
        assert "caption" in told(await alice.slash("mode set", mode="caption"))
        await alice.slash("caption", picture=ATTACHED)
        assert world.engine.shown(0) == "[red]"
        assert "We begin afresh" in told(await alice.slash("reset"))

    tell(tmp_path, story)


def _place(world: World) -> Place:
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return place(channel)


def _offer(world: World) -> PhotoOffer:
    url = world.env.backend.cdn.store_attachment(1, world.channel.id, "a.png", picture(), None)["url"]
    return PhotoOffer(url, "a.png")


def _text_of(form: simcord.InteractionResult) -> str:
    """The id of the only text field of a form."""
    assert form.modal is not None
    [label] = form.modal["components"]
    return str(label["component"]["custom_id"])


def test_an_interaction_that_has_expired_harms_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.env.inject_error(
            "POST", "/interactions/*/*/callback", status=404, code=10062, message="Unknown interaction"
        )
        result = await world.alice.slash(world.channel, "help")
        assert not result.acknowledged
        assert "Nobody waits" in told(await world.alice.slash(world.channel, "queue"))

    tell(tmp_path, story)


def test_moderators_have_no_limits_where_that_is_set(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        for person, answers in ((world.alice, 1), (mod, 3)):
            for _ in range(3):
                await person.send(world.channel, f"{world.mention} hello")
            asked = [one for one in world.answers() if one.reference and one.content.startswith("Answer")]
            assert len(asked) == answers + (0 if person is world.alice else 1)

    tell(tmp_path, story, limits=Limits(per_minute_per_person=1, moderators_exempt=True))


def test_the_bots_words_are_those_of_the_server_else_of_the_person(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        server = Scope(world.guild.id, is_server=True)
        await world.store.change_settings(server, ChannelSettings(language="ar"))
        said = told(await world.alice.slash(world.channel, "labels show"))
        assert said == "لا تصنيفات بعد: يضبطها مشرف بالأمر \N{LEFT-TO-RIGHT MARK}/labels set."
        # A person's Discord speaks English here.
        await world.store.change_settings(server, ChannelSettings())
        said = told(await world.alice.slash(world.channel, "labels show"))
        assert said == "There are no labels yet: a moderator sets them with /labels set."

    tell(tmp_path, story)
