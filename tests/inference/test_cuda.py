"""The same code on a GPU; without one these are skipped."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference import Engine, EngineSettings, Options, Prompt, Reply, load_engine
from inference.checkpoint import Quantization
from inference.engine.attention import DecodeAttention
from inference.engine.layout import Chunk
from inference.engine.machine import Machine
from inference.loading import load_checkpoint
from tests.inference.checkpoints import PICTURE_SIZE, picture, small_config, write_checkpoint

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

PROMPT = ["What is in", picture("red"), "this picture?"]
# Of the logits' spread, from the model's own logits: 8-bit products depend on what is in the batch.
PASS_TOLERANCES: dict[Quantization, float] = {"none": 0.1, "8bit": 0.4, "4bit": 0.2}
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


FEW_ROWS = EngineSettings(most_rows=8, buckets=(1, 4), context_bytes=2**24, picture_bytes=2**20)
QUESTIONS: list[Prompt] = [
    ["Describe this image."],
    ["User:", picture("red"), "What is this?"],
    ["Two of them:", picture("red"), picture("green"), "and one more", picture("navy"), "Which is the tree?"],
    [picture("navy", (28, 60))],
    ["User:", picture("navy"), "Describe this image, with many words in many lines, all of them different."],
]
KINDS = [
    Options(max_new_tokens=20),
    Options(max_new_tokens=12, num_beams=3),
    Options(max_new_tokens=20, temperature=0.8, top_p=0.9, top_k=50, repetition_penalty=1.2, seed=4),
]


async def answers(engine: Engine) -> list[Reply]:
    """To all questions in all ways at the same time, then once more, when much is known already."""
    requests = [(question, options) for question in QUESTIONS for options in KINDS]
    first = await asyncio.gather(*(engine.generate(*request) for request in requests))
    again = await asyncio.gather(*(engine.generate(*request) for request in requests[:5]))
    return [*first, *again]


def all_answers(checkpoint: Path, device: str, settings: EngineSettings) -> list[tuple[int, ...]]:
    async def main() -> list[Reply]:
        async with load_engine(checkpoint, device=device, dtype="float32", settings=settings) as engine:
            return await answers(engine)

    return [reply.token_ids for reply in asyncio.run(main())]


@pytest.mark.parametrize("graphs", [False, True], ids=["eager", "graphs"])
@pytest.mark.parametrize("qk_layer_norms", [False, True], ids=["9b", "80b"])
def test_in_float32_tokens_are_those_of_the_cpu(tmp_path: Path, qk_layer_norms: bool, graphs: bool) -> None:
    config = small_config(qk_layer_norms=qk_layer_norms, vector_alphas=qk_layer_norms)
    checkpoint = write_checkpoint(tmp_path, config=config)
    settings = replace(FEW_ROWS, graphs=graphs, chunk_tokens=16)
    expected = all_answers(checkpoint, "cpu", settings)
    assert all_answers(checkpoint, "cuda:0", settings) == expected


def test_steps_in_a_graph_are_those_outside(checkpoint: Path) -> None:
    async def main(graphs: bool) -> list[Reply]:
        async with load_engine(checkpoint, settings=replace(FEW_ROWS, graphs=graphs)) as engine:
            # One at a time: the number of rows may change a bfloat16's last bit.
            return [await engine.generate(question, options) for question in QUESTIONS for options in KINDS]

    assert [reply.token_ids for reply in asyncio.run(main(True))] == [
        reply.token_ids for reply in asyncio.run(main(False))
    ]


@pytest.mark.parametrize("quantization", ["none", "8bit", "4bit"])
def test_logits_of_both_passes_are_the_models_own(checkpoint: Path, quantization: Quantization) -> None:
    """Teacher-forced, in bfloat16: reading a text at once, and token by token through the pages."""
    loaded = load_checkpoint(checkpoint, quantization=quantization)
    ids = [1, 300, 301, 302, 310, 311, 320, 330, 340, 350, 360, 370, 380, 390, 400, 410, 420, 430, 440, 450]
    tensor = torch.tensor([ids], device="cuda")
    with torch.no_grad():
        expected = loaded.model(
            input_ids=tensor,
            attention_mask=torch.ones_like(tensor),
            perceiver_embeddings=torch.zeros(1, 1, 4, 64, device="cuda", dtype=torch.bfloat16),
            image_attention_mask=torch.zeros(1, len(ids), 1, device="cuda", dtype=torch.long),
        ).logits[0]
    settings = EngineSettings(graphs=False, context_bytes=2**22, picture_bytes=2**20)
    machine = Machine(loaded.model, settings, ())
    memory = machine.memory
    pages = memory.pool.take(2)
    with torch.no_grad():
        at_once = machine.prefill.read([Chunk(ids, 0, pages, [0] * len(ids), wanted=len(ids))])
        one_by_one = []
        for position, token_id in enumerate(ids):
            attention = DecodeAttention(
                table=torch.tensor([pages], device="cuda", dtype=torch.int32),
                lengths=torch.tensor([position + 1], device="cuda", dtype=torch.int32),
                slots=torch.tensor([pages[position // 16] * 16 + position % 16], device="cuda"),
                picture_table=torch.zeros(1, 1, device="cuda", dtype=torch.int32),
                picture_lengths=torch.zeros(1, device="cuda", dtype=torch.int32),
            )
            hidden = machine.decoder.forward(
                torch.tensor([token_id], device="cuda"),
                torch.tensor([position], device="cuda"),
                memory.own,
                memory.picture_layers,
                attention,
            )
            one_by_one.append(machine.decoder.logits(hidden)[0])
    scale = expected.float().std()
    for logits_of_pass in (at_once, torch.stack(one_by_one)):
        assert (logits_of_pass - expected.float()).abs().max() / scale < PASS_TOLERANCES[quantization]


def test_a_full_device_fails_the_request_and_no_other(checkpoint: Path) -> None:
    """Memory that others take while the engine runs."""

    async def main() -> None:
        async with load_engine(checkpoint, settings=FEW_ROWS) as engine:
            before = await engine.generate(QUESTIONS[1], KINDS[0])
            free, _ = torch.cuda.mem_get_info()
            taken = torch.empty(max(0, free - 2**24), dtype=torch.uint8, device="cuda")
            await asyncio.gather(
                *(engine.generate(question, KINDS[0]) for question in QUESTIONS), return_exceptions=True
            )
            del taken
            torch.cuda.empty_cache()
            assert (await engine.generate(QUESTIONS[1], KINDS[0])).token_ids == before.token_ids

    asyncio.run(main())


@pytest.mark.parametrize("place", ["step", "read", "encode"])
def test_a_device_that_is_lost_is_told_and_ends_nothing_else(place: str) -> None:
    """The program is told by an error with which it can end as it should, and goes on until then."""
    command = [sys.executable, "-m", "tests.inference.lost_device", "demo", place]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    whole, lost, closed = done.stdout.splitlines()
    assert whole == str(["Reply"] * 6)
    assert set(ast.literal_eval(lost)) <= {"DeviceError", "EngineError"}, "the latter were still waiting"
    assert "DeviceError" in lost
    assert closed == "closed"
    assert "device-side assert" in done.stderr
