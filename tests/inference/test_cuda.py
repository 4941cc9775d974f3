"""The same code on a GPU; without one these are skipped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from inference import Options, load_engine
from inference.checkpoint import Quantization
from inference.loading import load_checkpoint
from tests.inference.checkpoints import PICTURE_SIZE, picture, write_checkpoint

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

PROMPT = ["What is in", picture("red"), "this picture?"]
# Of the logits' spread; rounding to 8 and to 4 bits moves them further than bfloat16's rounding does.
TOLERANCES: dict[Quantization, float] = {"none": 0.05, "8bit": 0.15, "4bit": 0.5}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def logits(checkpoint: Path, quantization: Quantization, device: str | None) -> torch.Tensor:
    """float32, (tokens, vocabulary)."""
    dtype = "float32" if device == "cpu" else None
    model = load_checkpoint(checkpoint, quantization=quantization, device=device, dtype=dtype).model
    assert (model.device.type, model.dtype) == (
        ("cpu", torch.float32) if device == "cpu" else ("cuda", torch.bfloat16)
    )
    pixels = torch.randn(1, 1, 3, PICTURE_SIZE, PICTURE_SIZE, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[1, 480, 481, 480, 300, 301, 302]], device=model.device)
    with torch.no_grad():
        output = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels.to(model.device, model.dtype),
            image_attention_mask=torch.ones(*ids.shape, 1, device=model.device, dtype=torch.long),
        )
    return output.logits[0].float().cpu()


@pytest.mark.parametrize("quantization", ["none", "8bit", "4bit"])
@pytest.mark.parametrize("device", [None, "cuda:0"])
def test_logits_on_the_gpu_are_those_of_the_cpu(
    checkpoint: Path, quantization: Quantization, device: str | None
) -> None:
    expected = logits(checkpoint, "none", "cpu")
    found = logits(checkpoint, quantization, device)
    assert (found - expected).std() / expected.std() < TOLERANCES[quantization]


@pytest.mark.parametrize("quantization", ["none", "8bit", "4bit"])
def test_an_engine_answers(checkpoint: Path, quantization: Quantization) -> None:
    async def ask() -> None:
        async with load_engine(checkpoint, quantization=quantization) as engine:
            options = Options(max_new_tokens=6)
            first, second = await asyncio.gather(
                engine.generate(PROMPT, options), engine.generate(PROMPT, options)
            )
            assert first.completion_tokens == 6 or first.finish_reason == "stop"
            assert first.token_ids == second.token_ids
            ranked = await engine.rank(PROMPT, ["one", "another"])
            assert {label for label, _ in ranked} == {"one", "another"}
            assert ranked[0][1] >= ranked[1][1]

    asyncio.run(ask())
