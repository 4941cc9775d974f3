"""Loads as they come in use: one question, a conversation that goes on, strangers arriving at random."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from inference.measuring import Load, ask, ask_all, p99
from inference.prompt import Generated, Prompt
from inference.surface import Engine

TICK = 0.005
"""Seconds between two looks at the event loop."""
TRIES = 5
LENGTHS = (200, 600, 1000, 1400, 1800)
"""Tokens in front of a follow-up question."""
FOLLOW_UP_TOKENS = 16
LOOP_ROUNDS = 5
"""Of answers while the event loop is watched: one tick is then far less than the hundredth part."""
SHARE_OF_CAPACITY = 0.7
MOST_ARRIVALS = 400


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """Seconds to the first token of an engine that has nothing else to do; medians."""

    new_picture: float
    """64 tokens with a picture never seen before."""
    follow_ups: dict[int, float]
    """A question after so many tokens of conversation about a known picture."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests that arrive at random (Poisson) at a share of what the engine was measured to do."""

    requests: int
    per_second: float
    first_token_p50: float
    """Seconds."""
    first_token_p99: float


async def first_tokens(engine: Engine, vocabulary_size: int) -> FirstTokens:
    """Measures a lonely request, and follow-ups of a short and a long conversation."""
    waits = [
        (await ask(engine, Load(1, 64, 1, vocabulary_size).prompts(seed)[0], 1)).wait
        for seed in range(1000, 1001 + TRIES)
    ]
    longest = engine.context_length - 4 * FOLLOW_UP_TOKENS
    follow_ups = {
        tokens: await _follow_up(engine, tokens, vocabulary_size)
        for tokens in sorted({min(tokens, longest) for tokens in LENGTHS})
    }
    return FirstTokens(statistics.median(waits[1:]), follow_ups)


async def _follow_up(engine: Engine, tokens: int, vocabulary_size: int) -> float:
    source = random.Random(tokens)
    waits = []
    for attempt in range(TRIES):
        prompt: Prompt = Load(1, tokens, 1, vocabulary_size).prompts(2000 + attempt)[0]
        answered = await ask(engine, prompt, FOLLOW_UP_TOKENS)
        question = tuple(source.choices(range(300, vocabulary_size), k=FOLLOW_UP_TOKENS))
        waits.append((await ask(engine, [*prompt, Generated(answered.token_ids + question)], 1)).wait)
    return statistics.median(waits)


async def arrivals(engine: Engine, load: Load, capacity: float, seconds: float) -> Arrivals:
    """Asks requests of `load`'s kind at random for `seconds`, or until there were `MOST_ARRIVALS`.

    Args:
        capacity: tokens a second that the engine was measured to generate at this kind of load.
    """
    per_second = SHARE_OF_CAPACITY * capacity / load.new_tokens
    source = random.Random(0)
    count = max(2, min(MOST_ARRIVALS, int(per_second * seconds)))
    prompts = [
        Load(1, load.prompt_tokens, load.new_tokens, load.vocabulary_size).prompts(3000 + number)[0]
        for number in range(count)
    ]
    began = perf_counter()
    due = 0.0
    asked = []
    for prompt in prompts:
        due += source.expovariate(per_second)
        await asyncio.sleep(max(0.0, began + due - perf_counter()))
        asked.append(asyncio.create_task(ask(engine, prompt, load.new_tokens)))
    waits = [answer.wait for answer in await asyncio.gather(*asked)]
    return Arrivals(count, per_second, statistics.median(waits), p99(waits))


async def loop_lag(engine: Engine, load: Load) -> float:
    """Seconds by which the event loop is late for a tick while `load` is streamed; 99 of 100 are earlier."""
    rounds = [load.prompts(seed) for seed in range(4000, 4000 + LOOP_ROUNDS)]
    async with _ticking() as late:
        for prompts in rounds:
            await ask_all(engine, prompts, load.new_tokens)
    return p99(late)


@asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    late: list[float] = []

    async def tick() -> None:
        while True:
            due = perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(perf_counter() - due)

    ticker = asyncio.create_task(tick())
    try:
        yield late
    finally:
        ticker.cancel()
