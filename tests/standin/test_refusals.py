"""What the stand-in refuses, breaks and complains about, on purpose and by Discord's rules."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
import pytest

from tests.standin import faults, openapi
from tests.standin.permissions import Permission
from tests.standin.plain_client import connected
from tests.standin.standin import StandIn
from tests.standin.stories import CREATE, tell
from tests.standin.things import Channel


@pytest.mark.parametrize(
    "fault", [faults.rate_limited(0.01), faults.rate_limited(0.01, everywhere=True), faults.SERVER_ERROR]
)
def test_a_request_that_failed_for_now_is_made_again(fault: faults.Answer) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        async with connected(standin) as client:
            standin.fail("POST", "/messages$", fault)
            await client.get_channel(channel.id).send("hello")
            assert [call.status for call in standin.calls(*CREATE)] == [fault.status, 200]
            assert [one.content for one in standin.by_bot()] == ["hello"]

    tell(story)


def test_faults_end_a_request_in_their_own_ways() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        async with connected(standin) as client:
            place = client.get_channel(channel.id)
            standin.fail("POST", "/messages$", faults.BLOCKED)
            with pytest.raises(discord.HTTPException, match="1015"):
                await place.send("one")
            standin.fail("POST", "/messages$", faults.refused(403, 50013, "Missing Permissions"))
            with pytest.raises(discord.Forbidden):
                await place.send("two")
            standin.fail("POST", "/messages$", faults.Cut())
            with pytest.raises(aiohttp.ClientError):
                await place.send("three")
            assert standin.by_bot() == []
            standin.fail("POST", "/messages$", faults.Hang())
            hanging = asyncio.create_task(place.send("four"))
            await standin.wait_for(lambda: len(standin.calls(*CREATE)) == 4, "a request that hangs")
            hanging.cancel()
            assert standin.calls(*CREATE)[-1].status is None

    tell(story)


def test_a_message_whose_answer_was_lost_is_not_doubled_by_its_nonce() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        async with connected(standin) as client:
            place = client.get_channel(channel.id)
            standin.fail("POST", "/messages$", faults.AnswerLost())
            with pytest.raises(aiohttp.ClientError):
                await place.send("hello", nonce="n1")
            again = await place.send("hello", nonce="n1")
            assert [one.id for one in standin.by_bot()] == [again.id]
            await place.send("hello", nonce="n2")
            assert len(standin.by_bot()) == 2

    tell(story)


def test_more_requests_than_the_limit_are_refused() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        standin.limit.requests, standin.limit.seconds = 2, 0.2
        address = f"{standin.api_url}/channels/{channel.id}/messages"
        headers = {"Authorization": f"Bot {standin.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            answers = [await session.post(address, json={"content": "x"}) for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["1", "0", "0"]
        assert 0 < float(answers[2].headers["Retry-After"]) <= 0.2
        async with connected(standin) as client:  # reads the headers, and waits by itself
            other = standin.add_channel(channel.server)
            await standin.wait_for(lambda: client.get_channel(other.id), "the client knows the channel")
            for _ in range(4):
                await client.get_channel(other.id).send("y")
        assert [call.status for call in standin.calls(*CREATE)].count(429) == 1

    tell(story)


def test_permissions_are_kept() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        message = await alice.send(channel, "look")
        async with connected(standin) as client:
            place = client.get_channel(channel.id)
            partial = place.get_partial_message(message.id)
            for refused, action in (
                (Permission.SEND_MESSAGES, lambda: place.send("x")),
                (Permission.CREATE_PUBLIC_THREADS, lambda: partial.create_thread(name="x")),
                (Permission.READ_MESSAGE_HISTORY, partial.fetch),
                (Permission.VIEW_CHANNEL, partial.fetch),
            ):
                standin.deny(channel, standin.bot, refused)
                with pytest.raises(discord.Forbidden):
                    await action()
            with pytest.raises(discord.Forbidden):
                await partial.delete()

    tell(story)


def test_requests_that_discord_would_not_understand_fail_the_test() -> None:
    if openapi.description() is None:
        pytest.skip(f"{openapi.VARIABLE} names no file with Discord's description of its API")

    async def story(standin: StandIn, channel: Channel) -> None:
        headers = {"Authorization": f"Bot {standin.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def asked(method: str, path: str, **content: Any) -> str:
                await session.request(method, f"{standin.api_url}{path}", **content)
                problems = "\n".join(standin.problems)
                standin.problems.clear()
                return problems

            place = f"/channels/{channel.id}/messages"
            assert not await asked("POST", place, json={"content": "x"})
            assert "tts" in await asked("POST", place, json={"content": "x", "tts": "no"})
            assert "not valid under any" in await asked(
                "POST", place, json={"content": "x", "components": [{"type": 1, "components": []}]}
            )
            assert "needs a body" in await asked("POST", place)
            assert not await asked("GET", f"{place}?limit=5")
            assert "parameter limit" in await asked("GET", f"{place}?limit=500")
            assert "unknown" in await asked("GET", f"{place}?newest=1")
            assert "no such request" in await asked("POST", f"{place}/send")

    tell(story)


def test_a_request_that_the_stand_in_does_not_serve_fails_the_test() -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        async with connected(standin) as client:
            with pytest.raises(discord.NotFound):
                await client.fetch_sticker(1)

    with pytest.raises(AssertionError, match="not served here"):
        tell(story)
