"""The stand-in against discord.py itself: what a library that knows Discord makes of it."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import discord
import pytest

from tests.standin.plain_client import connected
from tests.standin.standin import StandIn
from tests.standin.stories import heard, tell
from tests.standin.things import Channel


def test_a_mention_with_an_attachment_is_answered() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            assert [guild.name for guild in client.guilds] == ["Testers"]
            question = await alice.send(channel, f"{standin.bot.mention} what?", pictures=[b"12345"])
            answer = await standin.wait_for_message(reply_to=question)
            assert answer.content == "You said @idefics what? [5]"
            assert answer.mentions == []  # the client allows no pings
            seen = await heard(standin, client, question)
            assert (seen.author.display_name, seen.channel.name) == ("Alice", "pictures")
        await standin.wait_for(lambda: not standin.gateway.connections, "the client leaves")

    tell(story)


def test_only_those_are_pinged_whom_the_message_allows() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        question = await alice.send(channel, "look")
        async with connected(standin) as client:
            place = client.get_channel(channel.id)
            none, users = discord.AllowedMentions.none(), discord.AllowedMentions(users=True)
            replied = discord.AllowedMentions(replied_user=True)
            reply = place.get_partial_message(question.id)
            for allowed, pinged in ((none, []), (users, [alice])):
                sent = await place.send(f"@everyone {alice.mention}", allowed_mentions=allowed)
                message = channel.messages[sent.id]
                assert (message.mentions, message.mentions_everyone) == (pinged, False)
            for allowed, pinged in ((none, []), (replied, [alice])):
                sent = await place.send("look", allowed_mentions=allowed, reference=reply)
                assert channel.messages[sent.id].mentions == pinged

    tell(story)


def test_edits_and_deletions_reach_the_client() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            first, second, third = [await alice.send(channel, text) for text in "abc"]
            await alice.edit(first, "d")
            await alice.delete(first)
            await alice.delete(second, third)
            await standin.wait_for(lambda: client.of("raw_bulk_message_delete"), "bulk deletion")
            assert [event.data["content"] for event in client.of("raw_message_edit")] == ["d"]
            assert [event.message_id for event in client.of("raw_message_delete")] == [first.id]
            assert client.of("raw_bulk_message_delete")[0].message_ids == {second.id, third.id}

    tell(story)


def test_forwards_and_stickers_reach_the_client() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            posted = await alice.send(channel, "look", pictures=[b"1234"])
            forward = await heard(standin, client, await alice.send(channel, forward=posted))
            assert (forward.content, forward.attachments) == ("", [])
            [copy] = forward.message_snapshots
            assert (copy.content, await copy.attachments[0].read()) == ("look", b"1234")
            waving = await alice.send(channel, stickers=[alice.file("Wave", b"wave")])
            [sticker] = (await heard(standin, client, waving)).stickers
            assert sticker.name == "Wave"

    tell(story)


def test_a_thread_is_opened_from_a_message_once() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            starter = await alice.send(channel, "look")
            message = await heard(standin, client, starter)
            thread = await message.create_thread(name="A look")
            assert thread.id == starter.id
            with pytest.raises(discord.HTTPException) as refusal:
                await message.create_thread(name="Again")
            assert refusal.value.code == 160004
            sent = await thread.send("inside")
            follow_up = await alice.send(starter.thread, "and this?")
            seen = await heard(standin, client, follow_up)
            assert (seen.channel, seen.channel.parent_id) == (thread, channel.id)
            assert [one.id async for one in thread.history(limit=2)] == [follow_up.id, sent.id]
            standin.world.archive(starter.thread)
            with pytest.raises(discord.HTTPException) as refusal:
                await sent.edit(content="changed")
            assert refusal.value.code == 50083
            await alice.send(starter.thread, "wake up")
            await sent.edit(content="changed")
            await standin.wait_for(lambda: len(client.of("raw_message_edit")) == 2, "both edits")
            assert [edit.message_id for edit in client.of("raw_message_edit")] == [starter.id, sent.id]

    tell(story)


def test_history_is_paged_as_asked() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        sent = [await alice.send(channel, str(number)) for number in range(7)]
        async with connected(standin) as client:
            place = client.get_channel(channel.id)

            async def texts(**which: Any) -> str:
                ids = {name: discord.Object(sent[number].id) for name, number in which.items()}
                return "".join([one.content async for one in place.history(limit=3, **ids)])

            assert await texts() == "654"
            assert await texts(before=3) == "210"
            assert await texts(after=2) == "345"
            assert await texts(around=3) == "432"

    tell(story)


def test_buttons_and_commands() -> None:
    class Buttons(discord.ui.View):
        @discord.ui.button(label="Stop")
        async def halt(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
            await interaction.response.edit_message(content="stopped", view=None)

        @discord.ui.button(label="Why?")
        async def why(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
            await interaction.response.send_message("Because.", ephemeral=True)

    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            tree = discord.app_commands.CommandTree(client)
            group = discord.app_commands.Group(name="mode", description="Modes")
            tree.add_command(group)

            @group.command(name="set", description="Sets it")
            async def set_mode(interaction: discord.Interaction, mode: str) -> None:
                await interaction.response.defer(ephemeral=True, thinking=True)
                await interaction.followup.send(f"It is {mode}.")

            @tree.context_menu(name="Describe")
            async def describe(interaction: discord.Interaction, message: discord.Message) -> None:
                await interaction.response.send_message(f"{message.content} by {interaction.user}")

            await tree.sync()
            sent = await client.get_channel(channel.id).send("running", view=Buttons())
            message = channel.messages[sent.id]
            assert list(message.buttons) == ["Stop", "Why?"]
            why = await alice.click(message, "Why?")
            assert (why.text, why.private) == ("Because.", True)
            assert why.original not in standin.by_bot(channel)
            await alice.click(message, "Stop")
            assert (message.content, message.buttons) == ("stopped", {})
            mode = await alice.command(channel, "mode set", mode="story")
            await standin.wait_for(lambda: mode.text, "the command's answer")
            assert (mode.text, mode.private) == ("It is story.", True)
            photo = await alice.send(channel, "a photo")
            described = await alice.use(photo, "Describe")
            assert (described.text, described.private) == ("a photo by alice", False)
            assert described.original in standin.by_bot(channel)

    tell(story)


def test_a_file_is_served_to_those_who_have_its_link() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client, aiohttp.ClientSession() as session:
            message = await alice.send(channel, files=[alice.file("a.txt", b"text", size=(3, 4))])
            [attached] = (await heard(standin, client, message)).attachments
            assert (attached.content_type, attached.width, attached.height) == ("text/plain", 3, 4)
            assert await attached.read() == await attached.read(use_cached=True) == b"text"
            async with session.get(attached.url.partition("?")[0]) as answer:
                assert answer.status == 404
            sent = await client.get_channel(channel.id).send(file=discord.File(io.BytesIO(b"mine"), "b.txt"))
            assert await sent.attachments[0].read() == b"mine"

    tell(story)
