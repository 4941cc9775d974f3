"""A bot that is killed without warning and started again, and what has to be so in the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.process import REPOSITORY, START_S, write_settings
from tests.e2e.stub_bot import answer_to
from tests.standin.people import Person
from tests.standin.standin import StandIn
from tests.standin.things import Channel, Message

PEOPLE = 12
CHANNELS = 12


class Crashing:
    """A server where people ask numbered questions, and a bot that can be killed at any time."""

    def __init__(self, discord: StandIn, folder: Path, *, channels: int = CHANNELS) -> None:
        self.discord = discord
        discord.limit.requests = 100_000
        server = discord.add_server()
        self.channels: list[Channel] = [discord.add_channel(server, f"c{n}") for n in range(channels)]
        self.people: list[Person] = [discord.add_person(f"P{n}") for n in range(PEOPLE)]
        self.questions: list[Message] = []
        self.settings = write_settings(
            folder,
            discord,
            "demo",
            "limits.in_flight_per_person = 1000\n"
            "limits.per_minute_per_person = 100000\n"
            "limits.in_flight_per_server = 100000",
        )
        self.log, self.database = folder / "bot.log", folder / "bot.sqlite3"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, **variables: str) -> None:
        """Returns when it is connected."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDEFICS_BOT_")}
        with self.log.open("ab") as output:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.e2e.stub_bot", "run", "--config", str(self.settings)),
                cwd=REPOSITORY,
                env=kept | {"DISCORD_TOKEN": self.discord.token, "OMP_NUM_THREADS": "1"} | variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda _: self.discord.changes.announce_soon())
        await self.discord.wait_for(
            lambda: ended.done() or self.discord.gateway.connections, "the bot connects", within=START_S
        )
        assert not ended.done(), f"the bot ended by itself: {self.tail()}"

    async def stall(self, seconds: float) -> None:
        """It gets no time, as on a machine that has too much to do."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self.discord.wait_for(lambda: not self.discord.gateway.connections, "it is gone")

    def tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-6000:]

    async def ask(self, **content: Any) -> Message:
        """The next question: by the next person, in the next channel."""
        number = len(self.questions)
        person, place = self.people[number % PEOPLE], self.channels[number % len(self.channels)]
        question = await person.send(place, f"{self.discord.bot.mention} question {number}", **content)
        self.questions.append(question)
        return question

    def replies(self, question: Message) -> list[Message]:
        found = self.discord.by_bot(question.channel)
        return [one for one in found if one.reference == (question.channel.id, question.id)]

    def unanswered(self) -> list[str]:
        """What is wrong, in words: each question has one finished answer, and that is its own."""
        wrong = []
        replies: dict[tuple[int, int] | None, list[Message]] = {}
        for place in self.channels:
            for one in place.messages.values():
                if one.author is self.discord.bot:
                    replies.setdefault(one.reference, []).append(one)
        for number, question in enumerate(self.questions):
            found = replies.pop((question.channel.id, question.id), [])
            if [reply.content for reply in found] != [answer_to(number)]:
                wrong.append(f"question {number}: {[reply.content for reply in found]}")
            elif "Stop" in found[0].buttons:
                wrong.append(f"question {number}: looks unfinished")
        return wrong if wrong or not replies else [f"of no question: {replies}"]

    async def until_all_are_answered(self, within: float = 60.0) -> None:
        """Returns once they are. However many they are, one more has to be answered `within` some seconds."""

        def fewer_than(number: int) -> bool:
            return len(self.unanswered()) < number

        left = len(self.questions) + 1
        while left:
            try:
                await self.discord.wait_for(partial(fewer_than, left), within=within)
            except AssertionError:
                wrong = self.unanswered()
                raise AssertionError(
                    f"{len(wrong)} of {len(self.questions)}: {wrong[:5]}\n{self.states()}\n{self.tail()}"
                ) from None
            left = len(self.unanswered())

    def states(self) -> list[tuple[object, ...]]:
        """What the bot's database says of what is not over."""
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute(
                "SELECT id, state, (SELECT count(*) FROM request_answers WHERE request_id = requests.id) "
                "FROM requests WHERE state IN ('waiting', 'running') LIMIT 20"
            ).fetchall()


@asynccontextmanager
async def crashing(
    folder: Path, prepare: Callable[[StandIn], None] = lambda _: None
) -> AsyncIterator[Crashing]:
    """A bot that runs and has answered one question in each channel, so that it knows them."""
    async with StandIn() as discord:
        prepare(discord)
        scene = Crashing(discord, folder)
        await scene.start()
        try:
            for _ in range(CHANNELS):
                await scene.ask()
            await scene.until_all_are_answered()
            yield scene
        finally:
            await scene.kill()
