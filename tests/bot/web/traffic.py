"""People who ask the built-in model for a quarter of an hour, in a stand-in for Discord."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.web.samples import sample_drawing
from bot.web.serving import bind
from bot.web.watch import EVERY_S, MOST_SAMPLES
from tests.e2e.process import running, write_settings
from tests.standin import faults
from tests.standin.people import Person
from tests.standin.standin import StandIn
from tests.standin.things import Channel

DURATION_S = MOST_SAMPLES * EVERY_S + 20
WAVE_S = 240.0
"""From one time of many questions to the next."""
MOST_PER_S = 5.0
BURST, BURST_EVERY_S = 30, 130.0
"""Questions at once, as after an announcement."""
QUESTIONS = ("What is in this picture?", "How many things are there?", "Describe the biggest thing.")
FOLLOW_UPS = (
    "What is on the left?",
    "And its colour?",
    "What is above it?",
    "What colour is the background?",
)
LIMITS = """
limits.in_flight_per_person = 1000
limits.per_minute_per_person = 100000
limits.in_flight_per_server = 100000
"""


class Traffic:
    def __init__(self, discord: StandIn, seed: int) -> None:
        server = discord.add_server()
        self.discord = discord
        self.channels = [discord.add_channel(server, f"c{number}") for number in range(8)]
        self.people: list[Person] = [discord.add_person(f"P{number}") for number in range(40)]
        self.drawings = [sample_drawing(number) for number in range(24)]
        self.threads: list[Channel] = []
        self.draw = random.Random(seed)

    async def flow(self, seconds: float) -> None:
        """Questions come at random, in waves, and now and then many at once; Discord refuses a few edits."""
        begun = burst = time.monotonic()
        while (now := time.monotonic()) - begun < seconds:
            tide = (1 - math.cos(2 * math.pi * (now - begun) / WAVE_S)) / 2
            await asyncio.sleep(self.draw.expovariate(0.3 + MOST_PER_S * tide))
            await self._ask()
            if self.draw.random() < 0.004:
                self.discord.fail("PATCH", "/messages/", faults.rate_limited(0.3))
            if now - burst > BURST_EVERY_S:
                burst = now
                for _ in range(BURST):
                    await self._ask()

    async def _ask(self) -> None:
        person = self.draw.choice(self.people)
        if self.threads and self.draw.random() < 0.6:
            await person.send(self.draw.choice(self.threads), self.draw.choice(FOLLOW_UPS))
            return
        said = f"{self.discord.bot.mention} {self.draw.choice(QUESTIONS)}"
        picture = self.draw.choice(self.drawings)
        await person.send(self.draw.choice(self.channels), said, pictures=[picture])
        newest = list(self.discord.world.channels.values())[-20:]
        self.threads = [place for place in newest if place.is_thread]


@asynccontextmanager
async def busy_bot(folder: Path, seed: int = 1) -> AsyncIterator[str]:
    """The address of a bot that has been asked for a quarter of an hour, and still is."""
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    async with StandIn() as discord:
        discord.limit.requests = 100_000
        traffic = Traffic(discord, seed)
        settings = write_settings(folder, discord, "demo", LIMITS, port=port)
        async with running(discord, settings):
            await traffic.flow(DURATION_S)
            flowing = asyncio.create_task(traffic.flow(DURATION_S))
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                flowing.cancel()
                await asyncio.wait({flowing})
