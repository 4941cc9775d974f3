from __future__ import annotations

import asyncio

import pytest
import torch

from inference import END_OF_UTTERANCE, Prompt, load_engine
from inference.loading import load_checkpoint
from inference.measuring import Load, Speed, ask, bytes_of_a_step, copy_bandwidth, measure, never_end, p99
from inference.prompt import PromptEncoder
from inference.random_weights import config_of_shape, random_model, stand_in_tokenizer
from inference.tokenizer import SpecialTokens
from inference.weights import build_empty
from tests.inference.checkpoints import picture

CPU = torch.device("cpu")


def test_a_step_of_9b_reads_what_was_measured() -> None:
    model = build_empty(config_of_shape("9b"), torch.device("meta"))
    in_float32 = bytes_of_a_step(model)
    assert in_float32 / 2 / 1e9 == pytest.approx(15.92, abs=0.01)


def test_a_quantised_step_reads_the_packed_weights_and_their_scales() -> None:
    config = config_of_shape("demo")
    plain = bytes_of_a_step(random_model(config, CPU, torch.bfloat16))
    head = (config.vocab_size + 3) * config.hidden_size * 2
    packed = bytes_of_a_step(random_model(config, CPU, torch.bfloat16, in_4bit=True))
    assert packed - head == pytest.approx((plain - head) / 2 * (0.5 + 4 / 64), rel=0.02)


def test_prompts_have_the_length_that_was_asked_for_and_differ() -> None:
    config = config_of_shape("demo")
    encoder = PromptEncoder(stand_in_tokenizer(config))
    load = Load(3, 21, 4, config.vocab_size)
    prompts = [encoder.encode(prompt) for prompt in (*load.prompts(0), *load.prompts(1))]
    assert {len(prompt.token_ids) for prompt in prompts} == {21}
    assert {len(prompt.pictures) for prompt in prompts} == {1}
    assert len({prompt.token_ids for prompt in prompts}) == 6
    assert [prompt.token_ids for prompt in map(encoder.encode, load.prompts(0))] == [
        prompt.token_ids for prompt in prompts[:3]
    ]


def test_an_engine_is_measured() -> None:
    config = config_of_shape("demo")
    model = random_model(config, CPU, torch.float32)
    passes: list[int] = []
    model.register_forward_pre_hook(lambda *_: passes.append(1))

    async def main(reference: bool) -> Speed:
        tokenizer = stand_in_tokenizer(config)
        async with load_engine(model=model, tokenizer=tokenizer, reference=reference) as engine:
            return await measure(engine, Load(1, 12, 6, config.vocab_size), rounds=2)

    for reference, expected_passes in ((False, 0), (True, 4 + 2 * 6)):
        speed = asyncio.run(main(reference))
        assert len(passes) == expected_passes
        assert speed.step > 0
        assert speed.first_token_p50 <= speed.first_token_p99
        a_request = speed.first_token_p50 + 5 * speed.step
        assert speed.tokens_per_second == pytest.approx(6 / a_request, rel=0.9)


def test_answers_have_the_length_that_is_asked_for_once_nothing_ends_them() -> None:
    loaded = load_checkpoint("demo", device="cpu")
    question: Prompt = ["User:", picture("red"), "Is this red?", END_OF_UTTERANCE, "\nAssistant:"]

    async def length(reference: bool) -> int:
        async with load_engine(model=loaded.model, tokenizer=loaded.tokenizer, reference=reference) as engine:
            return len((await ask(engine, question, 40)).token_ids)

    assert asyncio.run(length(reference=False)) < 40
    never_end(loaded.model, SpecialTokens.of(loaded.tokenizer).end_ids(loaded.model.config.eos_token_id))
    assert asyncio.run(length(reference=False)) == asyncio.run(length(reference=True)) == 40


def test_of_a_hundred_values_99_are_no_greater() -> None:
    assert p99(range(1, 201)) == 199
    assert p99([3.0]) == 3.0


def test_the_copy_bandwidth_is_of_this_world() -> None:
    assert 1e7 < copy_bandwidth(CPU) < 1e13
