"""The bot's Discord side and its store on a Discord whose connections, answers and limits misbehave."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from bot.bridge.address import DiscordAddress
from bot.bridge.fetching import MediaFetcher
from bot.cli.run import serve_discord
from bot.client import IdeficsClient
from bot.conversation.limits import Limits
from bot.conversation.service import ReplyService
from bot.settings.sections import DiscordSettings, Settings, StoreSettings, WebSettings
from bot.store.repository import SqlStore
from tests.fake_engine import FakeEngine, Script
from tests.standin import faults
from tests.standin.people import Person
from tests.standin.standin import StandIn
from tests.standin.things import Channel, Message, Server

Story = Callable[["Scene"], Awaitable[None]]
CREATE = ("POST", "/channels/{channel_id}/messages")


class Service(ReplyService):
    """Tells when a server was forgotten."""

    def __init__(self, store: SqlStore, *others: Any) -> None:
        super().__init__(store, *others)
        self.store = store
        self.left = asyncio.Event()
        forget = self.erasing.server_left

        async def server_left(server_id: int) -> None:
            await forget(server_id)
            self.left.set()

        self.erasing.server_left = server_left  # type: ignore[method-assign]


class Client(IdeficsClient):
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the pause that discord.py makes before it identifies again."""


class Scene:
    """A server with a channel and Alice; the bot is in this process, its engine says what is scripted."""

    client: Client
    service: Service

    def __init__(self, discord: StandIn, engine: FakeEngine) -> None:
        self.discord = discord
        self.engine = engine
        self.server: Server = discord.add_server()
        self.channel: Channel = discord.add_channel(self.server)
        self.alice: Person = discord.add_person("Alice")

    async def ask(self, text: str, **content: Any) -> Message:
        return await self.alice.send(self.channel, f"{self.discord.bot.mention} {text}", **content)

    async def answer(self, question: Message) -> str:
        """The text of the finished answer."""
        found = await self.discord.wait_for_message(
            reply_to=question, where=lambda one: "Stop" not in one.buttons
        )
        return found.content


def database(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'bot.sqlite3'}"


def red_picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), (255, 0, 0)).save(data, "PNG")
    return data.getvalue()


@asynccontextmanager
async def connected(
    discord: StandIn, folder: Path, engine: FakeEngine, *, content: bool
) -> AsyncIterator[tuple[Client, Service]]:
    address = DiscordAddress(discord.api_url)
    async with (
        MediaFetcher(address) as fetcher,
        SqlStore.open(database(folder)) as store,
    ):
        service = Service(store, fetcher, engine, Limits())
        await service.look_up_owed()
        client = Client(
            service=service,
            store=store,
            address=address,
            message_content=content,
            edit_interval_s=0.02,
        )
        running = asyncio.create_task(client.start(discord.token))
        running.add_done_callback(lambda _: discord.changes.announce_soon())
        try:
            gateway = discord.gateway
            await discord.wait_for(
                lambda: running.done() or len(gateway.connections) == gateway.shards, "the bot connects"
            )
            yield client, service
        finally:
            await service.close(0)
            await client.close()
            await running


def tell(folder: Path, story: Story, *answers: Script, content: bool = True, shards: int = 1) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), StandIn(message_content=content) as discord:
            engine = FakeEngine(*answers)
            scene = Scene(discord, engine)
            discord.gateway.shards = shards
            async with connected(discord, folder, engine, content=content) as (scene.client, scene.service):
                await story(scene)

    asyncio.run(main())


def test_a_dropped_connection_loses_nothing(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def story(scene: Scene) -> None:
        first = await scene.ask("one?")
        await scene.engine.until_held(1)
        await scene.discord.gateway.drop_connections()
        second = await scene.ask("two?")
        held.set()
        assert await scene.answer(first) == "The first."
        assert await scene.answer(second) == "The second."
        assert "RESUME /resume" in scene.discord.gateway.log

    tell(tmp_path, story, ["The", held, " first."], "The second.")


def test_after_an_invalid_session_the_bot_begins_anew_and_reads_what_it_missed(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene) -> None:
        first = await scene.ask("one?")
        assert await scene.answer(first) == "Answer 1."
        scene.discord.gateway.refuse_resumes = True
        await scene.discord.gateway.drop_connections()
        scene.discord.gateway.sessions.clear()  # so that nothing is kept for it
        second = await scene.ask("two?")
        assert await scene.answer(second) == "Answer 2."
        identified = [entry for entry in scene.discord.gateway.log if entry.startswith("IDENTIFY")]
        assert identified == ["IDENTIFY /gateway"] * 2

    tell(tmp_path, story)


def lose_session(discord: StandIn, *, of: Server) -> None:
    """The connection for this server ends, and nothing is kept for it: it cannot be taken up again."""
    (session,) = [one for one in discord.gateway.sessions.values() if one.hears_of(of)]
    assert session.connection is not None
    session.connection.cut()
    del discord.gateway.sessions[session.id]


def test_a_server_that_it_was_removed_from_between_two_sessions_is_forgotten(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        server = scene.server
        assert await scene.answer(await scene.ask("one?")) == "Answer 1."
        assert await scene.service.store.servers() == [server.id]
        lose_session(scene.discord, of=server)
        scene.discord.world.remove_bot(server)
        await scene.service.left.wait()
        assert await scene.service.store.servers() == []

    tell(tmp_path, story)


def test_of_several_shards_each_reads_what_it_missed(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        others = scene.discord.add_server()
        while (others.id ^ scene.server.id) >> 22 & 1 == 0:
            others = scene.discord.add_server()
        elsewhere = scene.discord.add_channel(others)
        await scene.client.wait_until_ready()
        mention = scene.discord.bot.mention
        for place in (scene.channel, elsewhere):
            await scene.answer(await scene.alice.send(place, f"{mention} one?"))
        # Of one of them the session is lost, and the other one goes on.
        lose_session(scene.discord, of=others)
        missed = await scene.alice.send(elsewhere, f"{mention} two?")
        assert await scene.answer(missed) == "Answer 3."
        assert len(scene.discord.gateway.connections) == 2

    tell(tmp_path, story, shards=2)


def test_a_lost_answer_of_discords_doubles_nothing(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.discord.fail("POST", "/messages$", faults.AnswerLost())
        question = await scene.ask("one?")
        assert await scene.answer(question) == "Answer 1."
        assert len(scene.discord.by_bot()) == 1
        assert len(scene.discord.calls(*CREATE)) > 1

    tell(tmp_path, story)


@pytest.mark.parametrize(
    "limited",
    [
        pytest.param(faults.rate_limited(0.05), id="Discord's"),
        pytest.param(faults.Answer(429, {"retry_after": 0.05}, {"Retry-After": "0.05"}), id="without Via"),
    ],
)
def test_rate_limits_only_delay_an_answer(tmp_path: Path, limited: faults.Answer) -> None:
    held = asyncio.Event()

    async def story(scene: Scene) -> None:
        scene.discord.fail("POST", "/messages$", limited)
        scene.discord.fail("PATCH", "/messages/", limited, times=2)
        question = await scene.ask("one?")
        await scene.discord.wait_for_message(reply_to=question)
        held.set()
        assert await scene.answer(question) == "It is done."

    tell(tmp_path, story, ["It is", held, " done."])


def test_a_picture_is_fetched_from_this_discord_alone(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with StandIn() as elsewhere:
            scene.discord.fail("GET", "/attachments/", faults.redirected(f"{elsewhere.world.media_url}/x"))
            question = await scene.ask("what is this?", pictures=[red_picture(), red_picture()])
            assert "It is not on Discord's own servers" in await scene.answer(question)
            assert scene.engine.pictures(0) == 1
            assert elsewhere.calls() == []

    tell(tmp_path, story)


def test_without_the_message_content_intent_mentions_are_answered(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.alice.send(scene.channel, "not for it", pictures=[red_picture()])
        question = await scene.ask("what is this?", pictures=[red_picture()])
        assert await scene.answer(question) == "Answer 1."
        assert "[red]" in scene.engine.shown(0)
        assert len(scene.discord.by_bot()) == 1

    tell(tmp_path, story, content=False)


def test_the_bot_starts_over_when_it_is_not_granted_the_message_content_intent(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), StandIn(message_content=False) as discord:
            engine = FakeEngine()
            scene = Scene(discord, engine)
            settings = Settings(
                discord=DiscordSettings(api_url=discord.api_url, token=SecretStr(discord.token)),
                store=StoreSettings(url=database(tmp_path)),
                web=WebSettings(port=0),
            )
            serving = asyncio.create_task(serve_discord(settings, lambda _: engine))
            serving.add_done_callback(lambda _: discord.changes.announce_soon())
            await discord.wait_for(lambda: serving.done() or discord.gateway.sessions, "the bot connects")
            assert await scene.answer(await scene.ask("one?")) == "Answer 1."
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving

    asyncio.run(main())
