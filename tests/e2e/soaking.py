"""Much that people do in many channels while much goes wrong, and what has to be so in the end."""

from __future__ import annotations

import asyncio
import io
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import aiohttp
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from bot.web.serving import bind
from tests.e2e.crashes import Crashing
from tests.e2e.stub_bot import answer_to
from tests.standin import faults
from tests.standin.standin import StandIn
from tests.standin.things import Channel, Message

MOST_OPEN = 40
"""Questions without a finished answer, before people wait."""
ANSWERED_S = 90.0
"""In which one more of them has to be answered, whatever goes wrong meanwhile."""
SETTLED_S = 30.0
"""In which all that was taken back is gone, once nothing happens any more."""
DISTURBANCES = ("asked to reconnect", "invalid, resumed", "invalid, begun anew", "dropped")


@dataclass(eq=False)
class Asked:
    question: Message
    text: str
    """What the answer has to be in the end."""
    may_fail: bool
    """It has a picture, which perhaps cannot be had."""


@dataclass(frozen=True)
class Reading:
    """What the bot tells of itself."""

    memory: float
    files: float
    tasks: float
    over: dict[str, float]
    in_flight: float


@dataclass
class Counts:
    messages: int = 0
    asked: int = 0
    told: int = 0
    """Of the answers, those that say why a picture cannot be used."""
    deleted: int = 0
    gateway: Counter[str] = field(default_factory=Counter)
    """What happened to the connection, and how often."""
    begun: Reading | None = None
    """Before anything was said."""
    readings: list[Reading] = field(default_factory=list)


class Soaking:
    """A server with many channels, and a bot that is asked in them without end."""

    def __init__(self, discord: StandIn, folder: Path, *, channels: int, seed: int) -> None:
        self.discord = discord
        self.draw = random.Random(seed)
        self.bot = Crashing(discord, folder, channels=channels)
        self.counts = Counts()
        self.open: dict[int, Asked] = {}
        self.gone: list[Message] = []
        self.threads: list[Channel] = []
        self.chatter: list[Message] = []
        self.answered: list[Message] = []
        self._seen: dict[int, int] = {}
        self._replies: dict[int, list[Message]] = {}
        with bind("127.0.0.1", 0) as free:
            self.port = free.getsockname()[1]

    async def start(self) -> None:
        await self.bot.start(IDEFICS_BOT_WEB__PORT=str(self.port), STUB_SECONDS_PER_WORD="0.004")
        self.counts.begun = await self.read()

    async def run(self, messages: int, *, read_every: int) -> None:
        """People do so many things, and the bot is asked every now and then how it is."""
        for number in range(1, messages + 1):
            self.counts.messages += 1
            await self._act()
            if self.draw.random() < 0.02:
                self._fail()
            if number % 250 == 0:
                await self._disturb_the_gateway()
            await self.until_open(MOST_OPEN)
            if number % read_every == 0:
                await self.until_open(0)
                await asyncio.sleep(0.5)  # for connections and tasks that end with the last answers
                self.counts.readings.append(await self.read())

    async def _act(self) -> None:
        draw, place = self.draw, self.draw.choice(self.bot.channels)
        kind = draw.random()
        if kind < 0.15:
            said = await draw.choice(self.bot.people).send(place, f"chatter {self.counts.messages}")
            self.chatter.append(said)
        elif kind < 0.25 and self.threads:
            await self._ask(draw.choice(self.threads[-50:]))
        elif kind < 0.28 and self.chatter:
            said = draw.choice(self.chatter[-50:])
            await self._person(said).edit(said, f"edited {self.counts.messages}")
        elif kind < 0.32:
            await self._take_back()
        elif kind < 0.36:
            await self._ask(place, pictures=[b"no picture"])
        elif kind < 0.50:
            await self._ask(place, pictures=[picture(draw)])
        else:
            await self._ask(place)

    async def _ask(self, place: Channel, *, pictures: Sequence[bytes] = ()) -> None:
        number = self.counts.asked
        self.counts.asked += 1
        # In the bot's own threads nobody mentions it.
        mention = "" if place.is_thread else f"{self.discord.bot.mention} "
        person = self.draw.choice(self.bot.people)
        question = await person.send(place, f"{mention}question {number}", pictures=pictures)
        self.open[question.id] = Asked(question, answer_to(number), bool(pictures))

    async def _take_back(self) -> None:
        """Somebody deletes a question, answered or not, that has no thread."""
        asked = (
            [asked.question for asked in self.open.values()] if self.draw.random() < 0.3 else self.answered
        )
        choice = [question for question in asked if question.thread is None]
        if choice:
            question = self.draw.choice(choice)
            self.counts.deleted += 1
            self.gone.append(question)
            if self.open.pop(question.id, None) is None:
                self.answered.remove(question)
            await self._person(question).delete(question)

    def _fail(self) -> None:
        method, path = self.draw.choice(
            [("PATCH", "/messages/"), ("POST", "/messages$"), ("POST", "/threads$"), ("GET", "/attachments/")]
        )
        fault = self.draw.choice(
            [
                faults.rate_limited(self.draw.uniform(0.05, 1.0)),
                faults.SERVER_ERROR,
                faults.Answer(502, "<html>502 Bad Gateway</html>", {"Content-Type": "text/html"}),
                faults.Cut(),
                faults.AnswerLost(),
            ]
        )
        self.discord.fail(method, path, fault, times=self.draw.randrange(1, 3))

    async def _disturb_the_gateway(self) -> None:
        gateway = self.discord.gateway
        kind = self.counts.gateway.total() % 4
        self.counts.gateway[DISTURBANCES[kind]] += 1
        if kind == 0:
            gateway.ask_to_reconnect()
        elif kind == 3:
            await gateway.drop_connections()
        else:
            gateway.invalidate_sessions(resumable=kind == 1)

    def _person(self, message: Message) -> object:
        return next(person for person in self.bot.people if person is message.author)

    # What came of it

    async def until_open(self, most: int) -> None:
        """Returns when at most so many questions have no finished answer."""
        self._settle()
        while (before := len(self.open)) > most:
            try:
                await self.discord.wait_for(self._fewer_than(before), within=ANSWERED_S)
            except AssertionError:
                wrong = [
                    f"{each.question.content}: {self._replies.get(id)}" for id, each in self.open.items()
                ]
                raise AssertionError(
                    f"{len(wrong)} unfinished of {self.counts.asked}: {wrong[:5]}\n"
                    f"{self.bot.states()}\n{self.bot.tail()}"
                ) from None

    def _fewer_than(self, number: int) -> Callable[[], bool]:
        def look() -> bool:
            self._settle()
            return len(self.open) < number

        return look

    def _settle(self) -> None:
        """Looks at what was posted since, and closes what has its finished answer."""
        for message in self._new():
            if message.reference is not None:
                self._replies.setdefault(message.reference[1], []).append(message)
        for id, asked in list(self.open.items()):
            answer = next((one for one in self._replies.get(id, ()) if self._is_answer(one, asked)), None)
            if answer is not None:
                self.counts.told += answer.content != asked.text
                del self.open[id]
                self.answered.append(asked.question)
                if asked.question.thread is not None:
                    self.threads.append(asked.question.thread)

    def _is_answer(self, reply: Message, asked: Asked) -> bool:
        excused = asked.may_fail and reply.content.startswith("I could not use")
        finished = bool(reply.buttons) and "Stop" not in reply.buttons
        return finished and (reply.content == asked.text or excused)

    def _new(self) -> Iterator[Message]:
        """The bot's messages that were not looked at yet."""
        for place in list(self.discord.world.channels.values()):
            seen = self._seen.get(place.id, 0)
            for id in reversed(place.messages):
                if id <= seen:
                    break
                self._seen[place.id] = max(id, self._seen.get(place.id, 0))
                if place.messages[id].author is self.discord.bot:
                    yield place.messages[id]

    def wrong(self) -> list[str]:
        """What is not as it has to be when all is over."""
        replies: dict[int, list[Message]] = {}
        for place in self.discord.world.channels.values():
            for message in place.messages.values():
                if message.author is self.discord.bot and message.reference is not None:
                    replies.setdefault(message.reference[1], []).append(message)
        found = [
            f"{len(replies[one.id])} answers to {one.content}"
            for one in self.answered
            if len(replies.get(one.id, ())) != 1
        ]
        # What was shown when a question was taken back stays, but nothing that looks unfinished.
        for one in self.gone:
            left = replies.get(one.id, [])
            if len(left) > 1 or any("Stop" in reply.buttons for reply in left):
                found.append(f"{one.content} was taken back: {left}")
        return found

    def still_kept(self) -> list[str]:
        """Questions that were taken back and are still in the database."""
        with closing(sqlite3.connect(self.bot.database)) as database:
            kept = {id for (id,) in database.execute("SELECT id FROM messages")}
        return [one.content for one in self.gone if one.id in kept]

    def recorded(self) -> dict[str, int]:
        """How many requests the database has, by state."""
        with closing(sqlite3.connect(self.bot.database)) as database:
            return dict(database.execute("SELECT state, count(*) FROM requests GROUP BY state").fetchall())

    async def read(self) -> Reading:
        address = f"http://127.0.0.1:{self.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            text = await response.text()
        values = {
            (sample.name, sample.labels.get("state", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        return Reading(
            values["process_resident_memory_bytes", ""],
            values["process_open_fds", ""],
            values["idefics_bot_tasks", ""],
            {state: value for (name, state), value in values.items() if name == "idefics_bot_requests_total"},
            values["idefics_bot_requests_in_flight", ""],
        )

    def growth(self) -> float:
        """Bytes of memory that the last third of the time took more than the third before it."""
        memory = [reading.memory for reading in self.counts.readings]
        third = len(memory) // 3
        return mean(memory[-third:]) - mean(memory[-2 * third : -third])


def picture(draw: random.Random) -> bytes:
    file = io.BytesIO()
    colour = tuple(draw.randrange(256) for _ in range(3))
    Image.new("RGB", (64, 48), colour).save(file, "PNG")
    return file.getvalue()


async def soak(folder: Path, messages: int, *, channels: int, read_every: int, seed: int) -> Soaking:
    """A whole run; returns it when the bot has ended."""
    async with StandIn() as discord:
        scene = Soaking(discord, folder, channels=channels, seed=seed)
        await scene.start()
        try:
            await scene.run(messages, read_every=read_every)
            await scene.until_open(0)
            # Answers are recorded once they are shown, and what was deleted last is taken away.
            while (await scene.read()).in_flight:  # noqa: ASYNC110 (nobody is told of a change)
                await asyncio.sleep(0.05)
            for _ in range(round(SETTLED_S / 0.1)):
                if not (scene.wrong() or scene.still_kept()):
                    break
                await asyncio.sleep(0.1)
            wrong = [*scene.wrong(), *(f"still kept: {one}" for one in scene.still_kept())]
            assert not wrong, f"{wrong}\n{scene.bot.tail()}"
        finally:
            await scene.bot.kill()
    return scene
