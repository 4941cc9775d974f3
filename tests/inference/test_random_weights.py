from __future__ import annotations

import asyncio

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import Generated, Options, load_engine
from inference.demo.vocabulary import VOCABULARY_SIZE
from inference.prompt import PromptEncoder
from inference.random_weights import _place_of, config_of_shape, random_model, stand_in_tokenizer
from inference.tokenizer import SpecialTokens
from inference.weights import build_empty
from tests.inference.checkpoints import picture

CPU = torch.device("cpu")


@pytest.mark.parametrize(("shape", "billions"), [("9b", 8.9), ("80b", 80)])
def test_shapes_have_as_many_weights_as_their_names_say(shape: str, billions: float) -> None:
    model = build_empty(config_of_shape(shape), torch.device("meta"))  # type: ignore[arg-type]
    assert sum(weight.numel() for weight in model.parameters()) / 1e9 == pytest.approx(billions, rel=0.03)


@pytest.mark.parametrize("in_4bit", [False, True])
def test_random_models_answer_at_full_length(in_4bit: bool) -> None:
    config = config_of_shape("demo")
    dtype = torch.bfloat16 if in_4bit else torch.float32
    model = random_model(config, CPU, dtype, in_4bit=in_4bit)
    tokenizer = stand_in_tokenizer(config)
    assert {weight.dtype for weight in model.parameters()} == ({dtype, torch.uint8} if in_4bit else {dtype})
    quantized = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert bool(quantized) == in_4bit
    assert not any(module.support_avx512bf16_for_cpu for module in quantized)
    assert not isinstance(model.lm_head.additional_fc, Linear4bit)

    async def main() -> None:
        async with load_engine(model=model, tokenizer=tokenizer) as engine:
            prompt = [Generated((300, 301)), picture("red"), Generated((302,))]
            reply = await engine.generate(prompt, Options(max_new_tokens=40))
            assert (reply.completion_tokens, reply.finish_reason) == (40, "length")
            assert reply.prompt_tokens == 7

    asyncio.run(main())


def test_the_built_in_models_vocabulary_is_known() -> None:
    assert config_of_shape("demo").vocab_size == VOCABULARY_SIZE


def test_the_stand_in_tokenizer_is_one() -> None:
    config = config_of_shape("9b")
    tokenizer = stand_in_tokenizer(config)
    assert len(tokenizer) == 32003
    assert SpecialTokens.of(tokenizer) == SpecialTokens(1, 2, 32000, 32001, 32002)
    encoded = PromptEncoder(tokenizer).encode(["Any text, œuvre", picture("red")])
    assert tokenizer.decode(encoded.token_ids, skip_special_tokens=True) == "Any text, œuvre"


def test_a_weight_lies_where_its_own_part_does() -> None:
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    places = {"model.layers.1": first, "model.layers.10": second, "lm_head.weight": first}
    assert _place_of("model.layers.1.mlp.weight", places) == first
    assert _place_of("model.layers.10.mlp.weight", places) == second
    assert _place_of("lm_head.weight", places) == first
    assert _place_of("anything", {"": second}) == second


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_spread_over_several_gpus_it_says_the_same() -> None:
    config = config_of_shape("demo")
    tokenizer = stand_in_tokenizer(config)

    async def ids(model: IdeficsForVisionText2Text) -> list[int]:
        async with load_engine(model=model, tokenizer=tokenizer) as engine:
            prompt = [Generated((300, 301)), picture("red"), Generated((302,))]
            return list((await engine.generate(prompt, Options(max_new_tokens=40))).token_ids)

    one = random_model(config, torch.device("cuda:0"), torch.float32)
    several = random_model(config, None, torch.float32)
    several.load_state_dict(one.state_dict())
    assert {weight.device.index for weight in several.parameters()} == {0, 1}
    assert asyncio.run(ids(several)) == asyncio.run(ids(one))
