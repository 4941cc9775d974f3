"""What `inference.bench` measures: an engine under a load, the device's bandwidth, what a step must read."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from PIL import Image

from inference.prompt import Generated, Prompt
from inference.surface import Engine, Options

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

ROUNDS = 3
WARM_UP_TOKENS = 4
PICTURE_AND_BOS_TOKENS = 4
FIRST_ORDINARY_ID = 300
"""Ids below are special tokens and single bytes, whose text does not appear at once."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that are asked at the same time, each with one picture."""

    concurrency: int
    prompt_tokens: int
    new_tokens: int
    vocabulary_size: int

    def prompts(self, seed: int) -> list[Prompt]:
        """Prompts of exactly `prompt_tokens` that have nothing in common but the picture's place."""
        source = random.Random(seed)
        ordinary = range(FIRST_ORDINARY_ID, self.vocabulary_size)
        filler = self.prompt_tokens - PICTURE_AND_BOS_TOKENS
        return [
            [
                Generated(tuple(source.choices(ordinary, k=filler // 2))),
                Image.effect_noise((64, 64), source.uniform(20, 100)),
                Generated(tuple(source.choices(ordinary, k=filler - filler // 2))),
            ]
            for _ in range(self.concurrency)
        ]


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast an engine answered a load; seconds."""

    tokens_per_second: float
    """Of all requests together, from the first question to the last answer."""
    first_token_p50: float
    first_token_p99: float
    step: float
    """Between two tokens of a request, median over the requests."""


@dataclass(frozen=True, slots=True)
class _Answered:
    asked: float
    first: float
    last: float
    tokens: int


async def measure(engine: Engine, load: Load) -> Speed:
    """Asks the load's requests `ROUNDS` times, after a short round that does not count."""
    await _ask_all(engine, load.prompts(seed=0), WARM_UP_TOKENS)
    answered: list[_Answered] = []
    seconds = 0.0
    for number in range(ROUNDS):
        prompts = load.prompts(seed=number + 1)
        started = perf_counter()
        answered += await _ask_all(engine, prompts, load.new_tokens)
        seconds += perf_counter() - started
    waits = sorted(answer.first - answer.asked for answer in answered)
    steps = [(answer.last - answer.first) / (answer.tokens - 1) for answer in answered if answer.tokens > 1]
    return Speed(
        tokens_per_second=sum(answer.tokens for answer in answered) / seconds,
        first_token_p50=statistics.median(waits),
        first_token_p99=waits[min(len(waits) - 1, round(0.99 * len(waits)))],
        step=statistics.median(steps) if steps else 0.0,
    )


async def _ask_all(engine: Engine, prompts: Iterable[Prompt], new_tokens: int) -> list[_Answered]:
    options = Options(max_new_tokens=new_tokens)
    return await asyncio.gather(*(_ask(engine, prompt, options) for prompt in prompts))


async def _ask(engine: Engine, prompt: Prompt, options: Options) -> _Answered:
    asked = perf_counter()
    first = None
    stream = engine.stream(prompt, options)
    async for _ in stream:
        first = first or perf_counter()
    last = perf_counter()
    assert stream.reply is not None
    return _Answered(asked, first or last, last, stream.reply.completion_tokens)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes a second that the device reads and writes in copying, the best of several copies."""
    size = 2**27 if device.type == "cpu" else 2**30
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(8):
        started = perf_counter()
        target.copy_(source)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        best = min(best, perf_counter() - started)
    return 2 * size / best


def bytes_of_a_step(model: IdeficsForVisionText2Text) -> int:
    """Bytes of weights that must be read for the next token, at any number of sequences.

    Those are the decoder, the gated layers and the head. The gated layers' projections of pictures to keys
    and values do not count: they are the same at each step. Nor do the sequences' own keys and values.
    """
    parts = (model.model.layers, model.model.gated_cross_attn_layers, model.model.norm, model.lm_head)
    projections = {
        id(weight)
        for layer in model.model.gated_cross_attn_layers
        for projection in (layer.cross_attn.k_proj, layer.cross_attn.v_proj)
        for weight in projection.parameters()
    }
    total = 0
    for part in parts:
        for weight in part.parameters():
            if id(weight) not in projections:
                total += weight.nbytes
                state = getattr(weight, "quant_state", None)  # bitsandbytes' scales
                total += state.absmax.nbytes if state is not None else 0
    return total
