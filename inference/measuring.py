"""How fast an engine answers a load, the device's bandwidth, and what a step must read."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
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
    """Between two pieces of an answer once all answers have begun, median; 0 if there were none."""


@dataclass(frozen=True, slots=True)
class Answered:
    """When an answer was asked for and came, in seconds of `perf_counter`."""

    asked: float
    pieces: tuple[float, ...]
    """When each piece came; the end of the answer where there was none."""
    token_ids: tuple[int, ...]

    @property
    def wait(self) -> float:
        """Seconds to the first piece."""
        return self.pieces[0] - self.asked


async def measure(engine: Engine, load: Load, rounds: int = ROUNDS) -> Speed:
    """Asks the load's requests `rounds` times, after a short round that does not count."""
    await ask_all(engine, load.prompts(seed=0), WARM_UP_TOKENS)
    answered: list[Answered] = []
    steps: list[float] = []
    seconds = 0.0
    for number in range(rounds):
        prompts = load.prompts(seed=number + 1)
        started = perf_counter()
        answers = await ask_all(engine, prompts, load.new_tokens)
        seconds += perf_counter() - started
        answered += answers
        all_began = max(answer.pieces[0] for answer in answers)
        for answer in answers:
            steps += [after - before for before, after in pairwise(answer.pieces) if before >= all_began]
    waits = [answer.wait for answer in answered]
    return Speed(
        tokens_per_second=sum(len(answer.token_ids) for answer in answered) / seconds,
        first_token_p50=statistics.median(waits),
        first_token_p99=p99(waits),
        step=statistics.median(steps) if steps else 0.0,
    )


def p99(values: Iterable[float]) -> float:
    """The value that 99 of 100 do not exceed; the greatest of fewer."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


async def ask_all(engine: Engine, prompts: Iterable[Prompt], new_tokens: int) -> list[Answered]:
    """Asks all prompts at the same time."""
    return await asyncio.gather(*(ask(engine, prompt, new_tokens) for prompt in prompts))


async def ask(engine: Engine, prompt: Prompt, new_tokens: int) -> Answered:
    """Asks one prompt and notes when what came."""
    asked = perf_counter()
    stream = engine.stream(prompt, Options(max_new_tokens=new_tokens))
    pieces = [perf_counter() async for _ in stream]
    assert stream.reply is not None
    return Answered(asked, tuple(pieces) or (perf_counter(),), stream.reply.token_ids)


@torch.no_grad()
def never_end(model: IdeficsForVisionText2Text, end_ids: Iterable[int]) -> None:
    """Takes away the rows of the end tokens in `model`'s head.

    Their logits are 0 from then on, and the likeliest token's is greater: answers have the length that is
    asked for, however little the model would say.
    """
    head = model.lm_head
    ordinary = len(head.weight)
    for end in end_ids:
        rows, row = (head.weight, end) if end < ordinary else (head.additional_fc.weight, end - ordinary)
        rows[row] = 0.0


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
