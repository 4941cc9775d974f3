"""Each check is broken once, and is red; what waits meanwhile is answered afterwards."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bot import client as client_module
from bot.bridge import api
from bot.cli.run import serve_discord
from bot.conversation import notes, reviving
from bot.conversation.requests import Outcome, RequestState
from bot.settings.sections import DiscordSettings, ModelSettings, Settings, StoreSettings, WebSettings
from bot.store import database, probing
from bot.web.health import Health
from bot.web.metrics import Metrics
from bot.web.serving import bind
from inference.errors import CheckpointError, DeviceError, EngineError
from inference.prompt import Prompt
from inference.surface import Options
from tests.bot.conversation.chats import on_loop
from tests.fake_engine import FakeEngine
from tests.standin.connection import Connection
from tests.standin.standin import StandIn


class Machine:
    """Where models are loaded and fail."""

    def __init__(self) -> None:
        self.is_broken = False
        self.is_lost = False
        self.folder_is_gone = False
        self.held: asyncio.Event | None = None
        self.loads = 0

    @asynccontextmanager
    async def load(self, _model: ModelSettings) -> AsyncIterator[MachinesEngine]:
        self.loads += 1
        if self.folder_is_gone:
            raise CheckpointError("There is no checkpoint there.")
        yield MachinesEngine(self)


class MachinesEngine(FakeEngine):
    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def ask(self, prompt: Prompt, options: Options) -> list[str | Exception | asyncio.Event]:
        if self.machine.is_lost:
            return ["Half of ", DeviceError("The device failed.")]
        if self.machine.is_broken:
            return ["Half of ", EngineError("The device is out of memory.")]
        if self.machine.held is not None:
            return [self.machine.held, "Late."]
        return super().ask(prompt, options)


class Bot:
    def __init__(self, discord: StandIn, folder: Path, machine: Machine, settings: Settings) -> None:
        self.discord, self.folder, self.machine, self.settings = discord, folder, machine, settings
        self.url = f"http://127.0.0.1:{settings.web.port}"
        self.channel = discord.add_channel(discord.add_server())
        self.alice = discord.add_person("Alice")

    def serve(self) -> None:
        self.serving = asyncio.create_task(serve_discord(self.settings, self.machine.load))

    async def ask(self, text: str) -> Any:
        return await self.alice.send(self.channel, f"{self.discord.bot.mention} {text}")

    async def health(self) -> tuple[int, dict[str, bool]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as response:
            return response.status, (await response.json())["checks"]

    async def becomes(self, status: int, checks: dict[str, bool]) -> None:
        """Returns once the checks are so; the test's time limit ends it."""
        while await self.health() != (status, checks):  # noqa: ASYNC110 (nobody is told of a change)
            await asyncio.sleep(0.02)

    async def metrics(self) -> dict[tuple[str, tuple[str, ...]], float]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
            text = await response.text()
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def answered(self, question: Any) -> str:
        found = await self.discord.wait_for_message(
            reply_to=question, where=lambda one: "Regenerate" in one.buttons
        )
        return found.content


ALL_WELL = {"discord": True, "events": True, "model": True, "database": True}


@asynccontextmanager
async def bot(
    folder: Path, machine: Machine | None = None, *, web_token: str | None = None
) -> AsyncIterator[Bot]:
    machine = machine or Machine()
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    async with asyncio.timeout(90), StandIn() as discord:
        discord.gateway.heartbeat_interval = 0.2
        chosen = Settings(
            discord=DiscordSettings(api_url=discord.api_url, token=SecretStr(discord.token)),
            store=StoreSettings(url=f"sqlite+aiosqlite:///{folder / 'test.sqlite3'}"),
            web=WebSettings(port=port, token=None if web_token is None else SecretStr(web_token)),
        )
        it = Bot(discord, folder, machine, chosen)
        it.serve()
        await discord.wait_for(lambda: it.serving.done() or discord.gateway.connections, "it connects")
        await it.answered(await it.ask("are you there?"))
        await it.becomes(200, ALL_WELL)
        try:
            yield it
        finally:
            it.serving.cancel()
            with suppress(asyncio.CancelledError):
                await it.serving


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "RETRY_AFTER_S", (0.0, 0.01))
    monkeypatch.setattr(probing, "TIMEOUT_S", 0.1)


def test_without_discord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            # Neither a connection nor an API any more.
            monkeypatch.setattr(api.ApiClient, "ws_connect", refuse)
            await it.discord.gateway.drop_connections()
            await it.becomes(503, ALL_WELL | {"discord": False, "events": False})

    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("nobody there")

    asyncio.run(main())


def test_a_connection_on_which_nothing_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            monkeypatch.setattr(client_module, "SILENT_S", 0.5)
            await it.becomes(200, ALL_WELL)  # heartbeats are answered
            monkeypatch.setattr(Connection, "send_text", lambda *_: None)
            monkeypatch.setattr(Connection, "send", lambda *_: None)
            await it.becomes(503, ALL_WELL | {"events": False})

    asyncio.run(main())


def test_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            with closing(sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert await it.health() == (503, ALL_WELL | {"database": False})
                other.execute("ROLLBACK")
            assert await it.health() == (200, ALL_WELL)

    asyncio.run(main())


@pytest.mark.parametrize("folder_is_gone", [False, True])
def test_a_model_that_fails_is_loaded_again_and_what_waits_is_answered(
    tmp_path: Path, folder_is_gone: bool
) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            it.machine.is_broken = True
            it.machine.folder_is_gone = folder_is_gone
            first = await it.ask("one?")
            told = await it.discord.wait_for_message(
                reply_to=first, where=lambda one: one.content == notes.MODEL_DOWN
            )
            assert list(told.buttons) == ["Stop"]
            loads = it.machine.loads
            if folder_is_gone:
                assert await it.health() == (503, ALL_WELL | {"model": False})
                second = await it.ask("two?")
                await it.discord.wait_for_message(
                    reply_to=second, where=lambda one: one.content == notes.MODEL_DOWN
                )
            it.machine.is_broken = it.machine.folder_is_gone = False
            assert (await it.answered(first)).startswith("Answer ")
            assert told.content.startswith("Answer ")
            assert len([one for one in it.discord.by_bot() if one.reference[1] == first.id]) == 1
            if folder_is_gone:
                assert (await it.answered(second)).startswith("Answer ")
            assert it.machine.loads >= loads
            await it.becomes(200, ALL_WELL)

    asyncio.run(main())


def test_a_device_that_is_lost_ends_the_program_and_the_next_one_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            it.machine.is_lost = True
            question = await it.ask("one?")
            with pytest.raises(DeviceError, match="failed"):
                await it.serving
            assert it.machine.loads == 1
            it.machine.is_lost = False
            it.serve()
            assert (await it.answered(question)).startswith("Answer ")
            assert len([one for one in it.discord.by_bot() if one.reference[1] == question.id]) == 1

    asyncio.run(main())


def test_a_question_on_which_the_device_always_fails_does_not_end_the_bot_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            it.machine.is_lost = True
            question = await it.ask("one?")
            with pytest.raises(DeviceError):
                await it.serving
            it.serve()
            with pytest.raises(DeviceError):
                await it.serving
            it.serve()
            told = await it.discord.wait_for_message(
                reply_to=question, where=lambda one: one.content.endswith(notes.OUR_FAILURE)
            )
            it.machine.is_lost = False
            assert (await it.answered(await it.ask("two?"))).startswith("Answer ")
            assert not it.serving.done()
            assert "Stop" not in told.buttons

    asyncio.run(main())


def test_a_request_that_fails_by_itself_is_only_its_own_failure(tmp_path: Path) -> None:
    machine = Machine()

    class Choosy(MachinesEngine):
        def ask(self, prompt: Prompt, options: Options) -> list[str | Exception | asyncio.Event]:
            if "too much" in str(prompt):
                return [EngineError("The engine failed on this request; the log says why.")]
            return super().ask(prompt, options)

    @asynccontextmanager
    async def load(_model: ModelSettings) -> AsyncIterator[Choosy]:
        machine.loads += 1
        yield Choosy(machine)

    machine.load = load  # type: ignore[method-assign]

    async def main() -> None:
        async with bot(tmp_path, machine) as it:
            assert notes.OUR_FAILURE in await it.answered(await it.ask("too much?"))
            assert machine.loads == 1
            assert await it.health() == (200, ALL_WELL)

    asyncio.run(main())


def test_who_asks_while_nothing_can_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)

    async def main() -> None:
        async with bot(tmp_path) as it:
            with closing(sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                question = await it.ask("one?")
                told = await it.discord.wait_for_message(reply_to=question)
                assert told.content == notes.UNABLE
                other.execute("ROLLBACK")
            assert (await it.answered(await it.ask("two?"))).startswith("Answer ")

    asyncio.run(main())


def test_others_need_the_token_for_all_but_the_health(tmp_path: Path) -> None:
    token = "a word of sixteen"

    async def main() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # also those of an address
        async with bot(tmp_path, web_token=token) as it, aiohttp.ClientSession(cookie_jar=jar) as session:
            for address, headers, status in (
                ("/healthz", {}, 200),
                ("/metrics", {}, 401),
                ("/status/figures", {}, 401),
                ("/metrics", {"Authorization": f"Bearer {token}"}, 200),
                ("/metrics", {"Authorization": "Bearer another"}, 401),
            ):
                async with session.get(f"{it.url}{address}", headers=headers) as response:
                    assert response.status == status, address
                    assert response.headers["X-Content-Type-Options"] == "nosniff"
            # A site that had its own name point here.
            async with session.get(f"{it.url}/healthz", headers={"Host": "evil.example"}) as response:
                assert response.status == 403
            async with session.get(f"{it.url}/?token={quote(token)}") as response:
                assert (response.status, response.url.path) == (200, "/status")

    asyncio.run(main())


def test_a_model_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            it.machine.held = asyncio.Event()
            question = await it.ask("one?")
            await it.discord.wait_for(lambda: it.discord.calls("POST", "/channels/{channel_id}/typing"))
            monkeypatch.setattr("bot.app.STALLED_S", 0.0)
            assert await it.health() == (503, ALL_WELL | {"model": False})
            it.machine.held.set()
            assert await it.answered(question) == "Late."

    asyncio.run(main())


def test_what_prometheus_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with bot(tmp_path) as it:
            logging.getLogger("bot.something").error("Something went wrong")
            it.machine.held = asyncio.Event()
            await it.ask("one?")
            await it.discord.wait_for(lambda: it.discord.calls("POST", "/channels/{channel_id}/typing"))
            found = await it.metrics()
            assert found["idefics_bot_requests_total", ("done",)] == 1
            assert found["idefics_bot_requests_in_flight", ()] == 1
            assert found["idefics_bot_requests_waiting", ()] == 1
            assert found["idefics_bot_queued_seconds_count", ()] == 1
            assert found["idefics_bot_first_token_seconds_count", ()] == 1
            assert found["idefics_bot_tokens_total", ("answer",)] > 0
            assert found["idefics_bot_discord_requests_total", ("POST", "200")] >= 1
            assert found["idefics_bot_logged_errors_total", ("bot.something",)] == 1
            assert found["idefics_bot_device_memory_bytes", ()] == 0
            assert found["idefics_bot_check", ("database",)] == 1
            assert ("process_resident_memory_bytes", ()) in found
            it.machine.held.set()

    asyncio.run(main())


def test_the_speed_and_the_cache_of_answers() -> None:
    metrics = Metrics()
    outcome = Outcome(
        RequestState.DONE,
        "A house.",
        prompt_tokens=50,
        cached_tokens=30,
        completion_tokens=11,
        first_token_seconds=1.0,
        total_seconds=2.0,
    )
    metrics.count_outcome(outcome)
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }
    assert found["idefics_bot_tokens_per_second_sum", ()] == 10.0
    assert found["idefics_bot_tokens_total", ("cached",)] == 30


@on_loop
async def test_however_many_ask_at_once_each_thing_is_looked_at_once() -> None:
    looked, held = 0, asyncio.Event()

    async def slow() -> bool:
        nonlocal looked
        looked += 1
        await held.wait()
        return looked == 1

    health = Health({"slow": slow}, Metrics())
    asking = [asyncio.create_task(health.results()) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()  # whoever asked first has gone
    held.set()
    assert await asyncio.gather(*asking[1:]) == [{"slow": True}] * 4
    assert await health.results() == {"slow": False}
    assert looked == 2
