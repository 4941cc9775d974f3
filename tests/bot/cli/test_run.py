"""The bot as `idefics-bot run` starts it, with a scripted engine, on a stand-in for Discord."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from discord.http import Route
from pydantic import SecretStr

from bot.bridge.address import DiscordAddress
from bot.bridge.login import BAD_TOKEN, LoginError, explained
from bot.cli.run import NO_TOKEN, WITHOUT_CONTENT, serve_discord
from bot.cli.sync import register
from bot.cogs.telling import Telling
from bot.settings.sections import DiscordSettings, ModelSettings, Settings, StoreSettings, WebSettings
from bot.web.serving import AddressError, bind
from tests.bot.discord_world import picture
from tests.fake_engine import FakeEngine, Script
from tests.standin import faults
from tests.standin.standin import StandIn
from tests.standin.things import Channel, Message

MESSAGES = "/channels/{channel_id}/messages"
THREADS = "/channels/{channel_id}/messages/{message_id}/threads"
Story = Callable[[StandIn, Channel], Awaitable[None]]


def settings(folder: Path, api_url: str, token: str | None) -> Settings:
    return Settings(
        discord=DiscordSettings(api_url=api_url, token=SecretStr(token) if token is not None else None),
        store=StoreSettings(url=f"sqlite+aiosqlite:///{folder / 'test.sqlite3'}"),
        web=WebSettings(port=0),
    )


@asynccontextmanager
async def running(standin: StandIn, folder: Path, *answers: Script) -> AsyncIterator[asyncio.Task[None]]:
    """The bot from the moment that it is connected; at the end it is stopped as by a signal."""

    @asynccontextmanager
    async def engine(model: ModelSettings) -> AsyncIterator[FakeEngine]:
        yield FakeEngine(*answers)

    work = asyncio.create_task(serve_discord(settings(folder, standin.api_url, standin.token), engine))
    connected = asyncio.create_task(standin.wait_until_connected())
    await asyncio.wait({work, connected}, return_when=asyncio.FIRST_COMPLETED)
    connected.cancel()
    if work.done():
        await work
    yield work
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


def tell(folder: Path, story: Story, *answers: Script, message_content: bool = True) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), StandIn(message_content=message_content) as standin:
            channel = standin.add_channel(standin.add_server())
            async with running(standin, folder, *answers):
                await story(standin, channel)

    asyncio.run(main())


async def finished(standin: StandIn, **where: Message | Channel) -> Message:
    """The bot's answer once it is whole."""
    message = await standin.wait_for_message(**where)  # type: ignore[arg-type]
    await standin.wait_for(lambda: "Regenerate" in message.buttons, "the answer is finished")
    return message


def test_everything_goes_to_the_configured_api(tmp_path: Path) -> None:
    base = Route.BASE

    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        question = await alice.send(channel, f"{standin.bot.mention} what?", pictures=[picture()])
        answer = await standin.wait_for_message(reply_to=question)
        await alice.click(answer, "Stop")
        await standin.wait_for(lambda: "Regenerate" in answer.buttons, "the answer is stopped")
        assert answer.content == "A red\n-# Stopped."
        assert base == Route.BASE

    tell(tmp_path, story, ["A red", asyncio.Event()])


def test_a_lost_answer_of_discord_never_doubles_a_message(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        standin.fail("POST", "/messages$", faults.AnswerLost())
        question = await alice.send(channel, f"{standin.bot.mention} what?")
        await finished(standin, reply_to=question)
        assert len(standin.by_bot(channel)) == 1
        assert len(standin.calls("POST", MESSAGES)) == 2

    tell(tmp_path, story)


def test_a_thread_whose_creation_was_answered_in_vain_is_the_bots_own(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        standin.fail("POST", "/threads$", faults.AnswerLost())
        question = await alice.send(channel, f"{standin.bot.mention} what?", pictures=[picture()])
        thread = await standin.wait_for(lambda: standin.world.channels.get(question.id), "a thread")
        assert thread is not None
        await standin.wait_for(lambda: len(standin.calls("POST", THREADS)) == 2, "it asks once more")
        follow_up = await alice.send(thread, "which colour?")
        await standin.wait_for_message(place=thread, reply_to=follow_up)

    tell(tmp_path, story)


def test_a_server_without_discords_front_may_ask_to_wait(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        busy = faults.Answer(429, {"message": "slow", "retry_after": 0.05}, {"Retry-After": "0.05"})
        standin.fail("POST", "/messages$", busy)
        standin.fail("PATCH", "/messages/", faults.rate_limited(0.05))
        standin.fail("PATCH", "/messages/", faults.SERVER_ERROR)
        question = await alice.send(channel, f"{standin.bot.mention} what?")
        await finished(standin, reply_to=question)
        assert len(standin.by_bot(channel)) == 1

    tell(tmp_path, story)


def test_a_ban_is_not_made_longer_by_asking_again(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        standin.fail("POST", "/messages$", faults.BLOCKED)
        await alice.send(channel, f"{standin.bot.mention} what?")
        await standin.wait_for(lambda: standin.calls("POST", MESSAGES), "it tries")
        assert standin.by_bot(channel) == []

    tell(tmp_path, story, ["one", " two"])


def test_a_dropped_connection_is_resumed_where_discord_said(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        await standin.gateway.drop_connections()
        question = await alice.send(channel, f"{standin.bot.mention} what?")
        await finished(standin, reply_to=question)
        assert "RESUME /resume" in standin.gateway.log
        assert standin.gateway.log.count("IDENTIFY /gateway") == 1

    tell(tmp_path, story)


def test_after_an_invalid_session_the_api_is_asked_for_its_gateway(tmp_path: Path) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        await standin.gateway.drop_connections()
        await standin.wait_for(lambda: "RESUME /resume" in standin.gateway.log, "it resumes")
        asked = len(standin.calls("GET", "/gateway/bot"))
        standin.gateway.invalidate_sessions()
        await standin.wait_for(lambda: standin.gateway.log.count("IDENTIFY /gateway") == 2, "a new session")
        assert len(standin.calls("GET", "/gateway/bot")) == asked + 1
        question = await alice.send(channel, f"{standin.bot.mention} what?")
        await finished(standin, reply_to=question)

    tell(tmp_path, story)


def test_without_the_intent_it_runs_and_says_what_that_costs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(standin: StandIn, channel: Channel) -> None:
        alice = standin.add_person("Alice")
        question = await alice.send(channel, f"{standin.bot.mention} what?")
        await finished(standin, reply_to=question)

    tell(tmp_path, story, message_content=False)
    assert WITHOUT_CONTENT in caplog.text


def test_the_end_leaves_the_answer_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.run.GRACE_S", 0.0)

    async def main() -> None:
        async with asyncio.timeout(60), StandIn() as standin:
            channel = standin.add_channel(standin.add_server())
            alice = standin.add_person("Alice")
            async with running(standin, tmp_path, ["A red", asyncio.Event()]):
                question = await alice.send(channel, f"{standin.bot.mention} what?", pictures=[picture()])
                begun = await standin.wait_for_message(reply_to=question)
            assert list(begun.buttons) == ["Stop"]
            await alice.send(channel, f"{standin.bot.mention} and this?")
            async with running(standin, tmp_path, "A red square."):
                await standin.wait_for(lambda: len(standin.by_bot(channel)) == 2, "both are answered")
                await standin.wait_for(
                    lambda: begun.content == "A red square.", "the first goes on where it was"
                )

    asyncio.run(main())


@pytest.mark.parametrize("token", [None, "", "wrong.token", "bad\ntoken", "tökén"])
def test_a_missing_or_wrong_token_is_one_sentence(tmp_path: Path, token: str | None) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), StandIn() as standin:
            await serve_discord(settings(tmp_path, standin.api_url, token), None)  # type: ignore[arg-type]

    with pytest.raises(LoginError) as raised:
        asyncio.run(main())
    assert str(raised.value) == (BAD_TOKEN if token else NO_TOKEN)


def test_no_discord_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match=r"127\.0\.0\.1:9/api/v10 or its gateway cannot be reached"):
        asyncio.run(
            serve_discord(settings(tmp_path, "http://127.0.0.1:9/api/v10", "token"), None)  # type: ignore[arg-type]
        )


def test_a_name_that_nobody_knows_is_told_in_words() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with pytest.raises(LoginError, match=r"\(name or service not known\)"), explained(DiscordAddress()):
        raise unknown


def test_a_port_in_use_is_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), StandIn() as standin:
            with bind("127.0.0.1", 0) as taken:
                web = WebSettings(port=taken.getsockname()[1])
                taken_port = settings(tmp_path, standin.api_url, standin.token).model_copy(
                    update={"web": web}
                )
                await serve_discord(taken_port, None)  # type: ignore[arg-type]

    with pytest.raises(AddressError, match="another program uses it"):
        asyncio.run(main())
    assert not (tmp_path / "test.sqlite3").exists()


def test_a_gateway_that_cannot_be_reached_at_the_start_is_one_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), StandIn() as standin:
            standin.gateway.url = "ws://127.0.0.1:9/gateway"
            async with running(standin, tmp_path):
                raise AssertionError("it runs")

    with pytest.raises(LoginError, match="or its gateway cannot be reached"):
        asyncio.run(main())


def assert_localised(commands: list[dict[str, Any]]) -> None:
    """Everything that people read of commands has a German form of the kind that Discord takes."""
    parts = [*commands]
    for part in parts:
        parts += [*part.get("options", ()), *part.get("choices", ())]
    assert len(parts) > 40
    said: dict[str, str] = {}
    for part in parts:
        for what in ("name", "description"):
            if part.get(what):
                localised = part.get(f"{what}_localizations") or {}
                assert set(localised) <= {"de"}, part
                said[part[what]] = localised.get("de", part[what])
                assert 1 <= len(said[part[what]]) <= 100
        if part.get("type") != 3 and "value" not in part:  # menus and choices are named in any way
            assert re.fullmatch(r"[-\w]{1,32}", said[part["name"]])
            assert said[part["name"]].islower()
    assert said["labels"] == "kategorien"
    assert said["Describe this picture"] == "Dieses Bild beschreiben"
    assert said["chat: talks about pictures, and goes on talking"].startswith("chat: spricht über")
    assert [name for name, german in said.items() if name == german] == ["text"]


def test_the_commands_are_registered_when_they_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = "/applications/{application_id}/commands"

    async def main() -> None:
        async with asyncio.timeout(60), StandIn() as standin:
            standin.add_channel(standin.add_server())
            for _ in range(2):
                async with running(standin, tmp_path):
                    pass
            assert len(standin.calls("PUT", commands)) == 1
            names = {command["name"] for command in standin.commands}
            assert {
                "mode",
                "labels",
                "prefix",
                "examples",
                "settings",
                "ask",
                "Describe this picture",
            } <= names
            by_name = {command["name"]: command for command in standin.commands}
            manage_channels = 1 << 4
            assert {
                name: command["default_member_permissions"]
                for name, command in by_name.items()
                if command["default_member_permissions"] is not None
            } == dict.fromkeys(("prefix", "settings", "Add as example"), manage_channels)

            assert_localised(standin.commands)

            # Another version of the program has other commands.
            monkeypatch.setattr(Telling.queue, "description", "Another description")
            async with running(standin, tmp_path):
                pass
            assert len(standin.calls("PUT", commands)) == 2

            # The command registers them in any case.
            number = await register(settings(tmp_path, standin.api_url, standin.token))
            assert number == len(standin.commands)
            assert len(standin.calls("PUT", commands)) == 3

    asyncio.run(main())
