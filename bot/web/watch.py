"""The last minutes of the running bot, for the status page."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

from bot.conversation.requests import Outcome
from bot.web.metrics import Metrics

EVERY_S = 2.0
MOST_SAMPLES = 450
"""A quarter of an hour."""
MOST_OUTCOMES = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """What was so at one moment, or happened since the one before."""

    time: float
    """Unix seconds."""
    writing: float
    """Answers that are being written."""
    waiting: float
    """Requests without any text yet."""
    tokens_per_second: float
    first_token_seconds: float | None
    """The median of the answers that ended since; None without any, as the next one."""
    cached_share: float | None
    """Of the prompts' tokens, those that needed no work."""
    edits_per_second: float
    refused: float
    """How many times Discord answered that it were too many requests."""
    errors: float
    """In the log."""
    memory_bytes: float
    device_bytes: float
    lag_seconds: float
    """The longest that the event loop was late."""


class Watch:
    """Keeps samples of a bot's figures, the newest for as long as the status page shows them."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._outcomes: list[Outcome] = []
        self._before = metrics.totals()
        self._at = self.began_at = clock()
        metrics.on_outcome.append(self._keep)

    def _keep(self, outcome: Outcome) -> None:
        if len(self._outcomes) < MOST_OUTCOMES:
            self._outcomes.append(outcome)

    def take(self, lag_seconds: float) -> None:
        """Takes one more sample."""
        now, totals, outcomes = self._clock(), self._metrics.totals(), self._outcomes
        self._outcomes = []
        seconds = max(now - self._at, 1e-3)
        done = {name: total - self._before[name] for name, total in totals.items()}
        prompt = sum(outcome.prompt_tokens for outcome in outcomes)
        first = sorted(outcome.first_token_seconds for outcome in outcomes if outcome.text)
        self._samples.append(
            Sample(
                time=now,
                writing=self._metrics.in_flight - self._metrics.waiting,
                waiting=self._metrics.waiting,
                tokens_per_second=done["pieces"] / seconds,
                first_token_seconds=first[len(first) // 2] if first else None,
                cached_share=sum(one.cached_tokens for one in outcomes) / prompt if prompt else None,
                edits_per_second=done["edits"] / seconds,
                refused=done["refused"],
                errors=done["errors"],
                memory_bytes=self._metrics.memory_bytes(),
                device_bytes=self._metrics.device_bytes(),
                lag_seconds=lag_seconds,
            )
        )
        self._before, self._at = totals, now

    def since(self, moment: float) -> dict[str, list[Any]]:
        """The samples after `moment`, by field."""
        rows = [asdict(sample) for sample in self._samples if sample.time > moment]
        return {field.name: [row[field.name] for row in rows] for field in fields(Sample)}


@asynccontextmanager
async def watching(watch: Watch, metrics: Metrics) -> AsyncIterator[None]:
    """While the block runs, samples are taken, and the event loop is asked how late it is."""
    steps = 20
    pause = EVERY_S / steps

    async def work() -> None:
        loop = asyncio.get_running_loop()
        while True:
            longest = 0.0
            for _ in range(steps):
                due = loop.time() + pause
                await asyncio.sleep(pause)
                late = max(0.0, loop.time() - due)
                metrics.lag.observe(late)
                longest = max(longest, late)
            watch.take(longest)

    task = asyncio.create_task(work(), name="watch")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
