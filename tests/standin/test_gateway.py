"""The stand-in's gateway against discord.py: sessions, intents, events of places."""

from __future__ import annotations

import discord
import pytest

from tests.standin.plain_client import connected
from tests.standin.standin import StandIn
from tests.standin.stories import heard, tell
from tests.standin.things import Channel


def test_places_that_are_gone_are_gone_for_the_client() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        server = channel.server
        other = standin.add_channel(server)
        async with connected(standin) as client:
            thread = standin.world.open_thread(channel, standin.bot, "A thread", None)
            standin.world.delete_channel(thread)
            standin.world.delete_channel(channel)
            standin.world.remove_bot(server)
            await standin.wait_for(lambda: client.of("guild_remove"), "the server is gone")
            assert [gone.thread_id for gone in client.of("raw_thread_delete")] == [thread.id]
            assert [gone.id for gone in client.of("guild_channel_delete")] == [channel.id]
            with pytest.raises(discord.NotFound):
                await client.fetch_channel(other.id)

    tell(story)


@pytest.mark.parametrize("cut", [True, False])
def test_a_client_that_was_cut_off_resumes_and_gets_what_it_missed(cut: bool) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            before = await alice.send(channel, "before")
            await heard(standin, client, before)
            if cut:
                await standin.gateway.drop_connections()
            else:
                standin.gateway.ask_to_reconnect()
            missed = await alice.send(channel, "while away")
            await standin.wait_for(lambda: client.of("resumed"), "the client resumes")
            await heard(standin, client, missed)
            assert standin.gateway.log[-1] == "RESUME /resume"
            assert [one.id for one in client.of("message")].count(before.id) == 1

    tell(story)


def test_a_client_whose_resume_is_refused_identifies_again() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        async with connected(standin) as client:
            standin.gateway.refuse_resumes = True
            await standin.gateway.drop_connections()
            await standin.wait_for(lambda: len(client.of("ready")) == 2, "the client is ready again")
            log = [entry.rpartition(" ")[0] for entry in standin.gateway.log]
            assert [entry for entry in log if entry != "HEARTBEAT"] == [
                "IDENTIFY",
                "RESUME refused",
                "IDENTIFY",
            ]
            await heard(standin, client, await alice.send(channel, "hello again"))

    tell(story)


def test_a_client_is_told_that_its_session_is_invalid() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        async with connected(standin) as client:
            standin.gateway.invalidate_sessions()
            await standin.wait_for(lambda: len(client.of("ready")) == 2, "the client is ready again")

    tell(story)


def test_without_the_intent_only_what_concerns_the_bot_is_readable() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        this = f"{standin.bot.mention} this?"
        photo = await alice.send(channel, "look", pictures=[b"1"])
        async with connected(standin, content=False) as client:
            mine = await client.get_channel(channel.id).send("mine")
            own = channel.messages[mine.id]
            wanted = {
                await alice.send(channel, "aside", pictures=[b"1"]): ("", 0),
                await alice.send(channel, this, pictures=[b"1"]): (this, 1),
                await alice.send(channel, "more", reply_to=own): ("more", 0),
                await alice.send(channel, "quietly", reply_to=own, ping=False): ("", 0),
                await alice.send(alice.direct_channel(), "psst", pictures=[b"1"]): ("psst", 1),
                own: ("mine", 0),
            }
            for message, shown in wanted.items():
                seen = await heard(standin, client, message)
                assert (seen.content, len(seen.attachments)) == shown
            asked = await alice.send(channel, this, reply_to=photo)
            resolved = (await heard(standin, client, asked)).reference.resolved
            assert (resolved.id, resolved.content, resolved.attachments) == (photo.id, "", [])
            fetched = await client.get_channel(channel.id).fetch_message(photo.id)
            assert fetched.content == ""

    tell(story, message_content=False)


def test_an_intent_that_was_not_granted_is_refused() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with connected(standin):
                pass

    tell(story, message_content=False)


def test_a_wrong_token_is_refused() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        standin.token = "another"
        with pytest.raises(discord.LoginFailure):
            async with connected(standin):
                pass

    tell(story)
