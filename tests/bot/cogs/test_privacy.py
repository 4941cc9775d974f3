"""What people decide about what is kept of them, and moderators about how long."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import discord
import pytest
from simcord.actors import MemberActor

from bot.bridge.convert import place
from bot.conversation.channel_settings import ChannelSettings, History, Mode
from bot.conversation.messages import Message, Origin, Person, Place, first_id_at
from bot.conversation.personal import Amount
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.cogs.speaking import moderator, told
from tests.bot.discord_world import World, picture, tell
from tests.bot.store.test_personal import everything_in


async def decide(person: MemberActor, asked: Any, decision: str) -> str:
    """Presses the button; returns what the message says then."""
    shown = asked.response
    await person.click(shown, custom_id=f"decide:{decision}")
    assert shown.components == []
    return str(shown.content)


def here(world: World) -> Place:
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return place(channel)


def test_who_wants_to_be_forgotten_is_asked_and_then_gone_from_the_files(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("a-secret-question", picture())
        await world.alice.send(world.thread(), "another-secret")
        await world.bob.send(world.channel, f"{world.mention} Bob's word")
        asked = await world.alice.slash(world.channel, "forget me")
        assert told(asked).startswith("Of you I keep 2 messages, 1 picture, and 2 answers, from all servers")
        assert b"secret" in everything_in(tmp_path)
        engine_forgot = world.engine.forgotten
        said = await decide(world.alice, asked, "forget")
        assert said == "Forgotten: 2 messages, 1 picture, and 2 answers."
        assert world.engine.forgotten == engine_forgot + 1
        found = everything_in(tmp_path)
        assert b"secret" not in found
        assert b"Bob's word" in found
        assert told(await world.alice.slash(world.channel, "forget me")) == (
            "There is nothing of yours that I could forget."
        )

    tell(tmp_path, story, "A secret answer.", "More secrets.", "Bob's answer.")


def test_what_is_not_confirmed_is_not_done(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        for command in ("forget me", "optout"):
            asked = await world.alice.slash(world.channel, command)
            assert await decide(world.alice, asked, "keep") == "Everything is left as it is."
        assert await world.store.kept_of(world.alice.id) == Amount(messages=1, answers=1)
        assert not await world.store.has_opted_out(world.alice.id)

    tell(tmp_path, story)


def test_what_fails_is_not_said_to_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    async def story(world: World) -> None:
        await world.ask("what?")
        asked = await world.alice.slash(world.channel, "forget me")
        monkeypatch.setattr(SqlStore, "erase_traces", failing)
        assert (await decide(world.alice, asked, "forget")).startswith("That did not work")
        monkeypatch.undo()

    tell(tmp_path, story)


def test_in_a_direct_message_its_settings_go_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        alice = world.env.create_user("carol", global_name="Carol")
        await alice.send_dm("hello")
        await alice.slash("prefix set", text="My secret")
        asked = await alice.slash("forget me")
        await alice.click(asked.response, custom_id="decide:forget")
        assert b"My secret" not in everything_in(tmp_path)

    tell(tmp_path, story)


def test_who_opted_out_is_not_kept_and_not_looked_at_for_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.store.change_settings(here(world).scopes[0], ChannelSettings(history=History.ALL))
        mod = moderator(world)
        await world.ask("a-secret-question")
        asked = await world.alice.slash(world.channel, "optout")
        assert "(1 message and 1 answer)" in told(asked)
        said = await decide(world.alice, asked, "optout")
        assert said == "You have opted out. Forgotten: 1 message and 1 answer."
        assert told(await world.alice.slash(world.channel, "optout")).startswith("You have opted out already")
        posted = await world.alice.send(
            world.channel, "another-secret", attachments=[("a.png", picture("blue"))]
        )
        found = everything_in(tmp_path)
        assert b"secret" not in found
        for person, name in (
            (world.bob, "Describe this picture"),
            (world.bob, "Ask about this picture"),
            (mod, "Add as example"),
        ):
            refused = told(await person.context_menu(world.channel, name, posted))
            assert refused == "Whoever posted that has opted out: I do not look at it for others."
        await world.alice.context_menu(world.channel, "Describe this picture", posted)
        assert world.engine.pictures(-1) == 1
        assert told(await world.alice.slash(world.channel, "optin")).startswith("From now on")
        assert told(await world.alice.slash(world.channel, "optin")).startswith("You have not opted out")
        await world.alice.send(world.channel, "counts again")
        assert b"counts again" in everything_in(tmp_path)

    tell(tmp_path, story)


def test_a_person_is_given_all_that_is_kept(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        result = await world.alice.slash(world.channel, "export")
        assert told(result) == "This is all that I keep of you."
        assert result.response is not None
        [attachment] = result.response.attachments
        assert attachment.filename == "idefics-1.zip"
        data = world.env.backend.cdn.get(attachment.url)
        assert data is not None
        with ZipFile(io.BytesIO(data)) as archive:
            [said] = json.loads(archive.read("data.json"))["messages"]
            assert said["text"] == "what?"
            assert archive.read(said["pictures"][0])

    tell(tmp_path, story)


def test_what_is_kept_and_for_how_long_is_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        shown = (await world.alice.slash(world.channel, "privacy")).response
        assert shown is not None
        assert shown.ephemeral
        [embed] = shown.embeds
        fields = {field.name: field.value for field in embed.fields}
        examples = "Examples and settings stay until they are removed."
        assert fields["For how long"] == f"What is said here is forgotten after 30 days. {examples}"
        assert fields["Of you"] == "1 message, 1 picture, and 1 answer"
        assert "</forget me:" in fields["What you can do"]
        assert fields["The whole policy"] == "<https://bot.example/privacy>"
        await world.store.set_retention_days(world.guild.id, 7)
        await world.store.opt_out(world.alice.id)
        shown = (await world.alice.slash(world.channel, "privacy")).response
        assert shown is not None
        [embed] = shown.embeds
        fields = {field.name: field.value for field in embed.fields}
        assert fields["For how long"] == f"What is said here is forgotten after 7 days. {examples}"
        assert fields["Of you"] == "Nothing"
        assert "</optin:" in fields["What you can do"]

    tell(tmp_path, story, policy_url="https://bot.example/privacy")


def said_days_ago(world: World, days: int) -> Message:
    id = first_id_at(datetime.now(UTC) - timedelta(days=days))
    return Message(id, here(world), Person(world.alice.id, "Alice"), Origin.PERSON, f"{days} days ago")


def test_a_server_has_its_own_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        old = [said_days_ago(world, days) for days in (3, 10, 40)]
        for message in old:
            await world.store.record_message(message, [], addressed=True)
        told_before = told(await world.alice.slash(world.channel, "retention show"))
        assert told_before == "What is said here is forgotten after 30 days."
        assert told(await mod.slash(world.channel, "retention set", days=7)) == (
            "What is said here is forgotten after 7 days."
        )
        assert [await world.store.message(one.id) is not None for one in old] == [True, False, False]
        refused = told(await world.alice.slash(world.channel, "retention set", days=1))
        assert refused == "For that you need the permission Manage Channels in the whole server."
        assert await world.store.retention_days(world.guild.id) == 7
        assert told(await mod.slash(world.channel, "retention reset")).endswith("30 days.")
        carol = world.env.create_user("carol")
        assert told(await carol.slash("retention set", days=1)).startswith("This is no server")

    tell(tmp_path, story)


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_kept_of_a_server_that_the_bot_was_removed_from(tmp_path: Path, is_there: bool) -> None:
    """Also if it was not running then, and of channels where nobody has said anything."""

    async def story(world: World) -> None:
        mod = moderator(world)
        quiet = world.guild.create_text_channel("quiet")
        await mod.slash(quiet, "prefix set", text="A secret prefix")
        await mod.slash(quiet, "examples add", picture=("a.png", picture()), answer="A secret answer")
        await world.ask("a-secret-question", picture("blue"))
        other = world.env.create_guild()
        carol = other.add_member(world.env.create_user("carol"))
        await carol.send(other.create_text_channel("other"), f"{world.mention} hello")
        if is_there:
            world.env.backend.remove_guild(world.guild.id)
            await world.env.settle()
        else:
            await world.store.change_settings(here(world).scopes[0], ChannelSettings(mode=Mode.VQA))
            emit, world.env.backend.emit = world.env.backend.emit, lambda *_, **__: None  # type: ignore[method-assign, assignment]
            world.env.backend.remove_guild(world.guild.id)
            world.env.backend.emit = emit  # type: ignore[method-assign]
            await world.restart()
        assert await world.store.servers() == [other.id]
        found = everything_in(tmp_path)
        assert b"secret" not in found
        assert b"hello" in found

    tell(tmp_path, story)
