"""The way that a GPU goes, in Triton's interpreter: its kernels, passes made for recording, empty rows."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from inference import Options, Prompt
from inference.engine import dispatch, prefill
from inference.engine.crew import Crew
from inference.engine.layout import Chunk
from inference.engine.prefill import Prefill
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY, Stepped
from tests.inference.oracle import PROMPTS, RED, VARIANTS, Oracle

AHEAD = replace(SMALL_MEMORY, runs_ahead=True, idle_chunk_tokens=30)
# The interpreter takes its time. Neither pages nor tiles divide the context.
SHAPE = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 90}
# Of tokens that only fill a recording anything comes out, and nobody looks at it.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
interpreted = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None or torch.cuda.is_available(),
    reason="Triton is not installed, or does not interpret",
)


def record(stepped: Stepped, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has prompts read in the fixed buffers that recordings read; what would be replayed is run.

    Returns:
        The tokens that there was room for in each pass so read.
    """
    monkeypatch.setattr(prefill, "RECORDED_TOKENS", (8, 24))
    machine = stepped.engine.machine
    passes = Prefill(
        machine.decoder,
        machine.memory.own,
        machine.memory.picture_layers,
        Crew(1),
        context=SHAPE["max_position_embeddings"],
        latents=machine.latents,
        graphs=True,
    )
    used: list[int] = []
    run = passes._graphs._work

    def noted(tokens: int) -> None:
        used.append(tokens)
        run(tokens)

    monkeypatch.setattr(passes._graphs, "_work", noted)
    machine.prefill = passes
    return used


@pytest.mark.parametrize(
    ("kernels", "graphs"),
    [
        (False, False),
        pytest.param(True, False, marks=interpreted, id="kernels"),
        pytest.param(True, True, marks=interpreted, id="recorded"),
    ],
)
def test_tokens_are_those_of_generate(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch, kernels: bool, graphs: bool
) -> None:
    monkeypatch.setattr(dispatch, "uses_kernels", lambda _: kernels)
    model = small_model(small_config(**VARIANTS["80b"], **SHAPE))
    oracle = Oracle(model, small_tokenizer)
    stepped = Stepped(model, small_tokenizer, AHEAD)
    stepped.engine.machine.pads_rows = True
    used = record(stepped, monkeypatch) if graphs else []
    requests = [(PROMPTS[2], {"max_new_tokens": 3}), (PROMPTS[0], {"max_new_tokens": 4, "num_beams": 2})]
    outcomes = [stepped.ask(prompt, Options(**options))[1] for prompt, options in requests]
    stepped.finish()
    for (prompt, options), outcome in zip(requests, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, **options)
    assert bool(used) == graphs


@interpreted
def test_labels_are_compared_in_recorded_passes(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More labels than a recording has sequences, and of some more tokens than it gives logits for."""
    labels = [f"{word} {number}" for number in range(4) for word in ("cat", "dog", "tree", "house")] + ["a"]
    prompt: Prompt = ["Classify:", RED, "It is"]
    model = small_model(small_config(**SHAPE))
    without = Stepped(model, small_tokenizer, AHEAD)
    expected = without.rank(prompt, labels)[1]
    without.finish()
    monkeypatch.setattr(dispatch, "uses_kernels", lambda _: True)
    stepped = Stepped(model, small_tokenizer, AHEAD)
    record(stepped, monkeypatch)
    found = stepped.rank(prompt, labels)[1]
    stepped.finish()
    assert expected.ranked is not None
    assert found.ranked is not None
    assert dict(found.ranked) == pytest.approx(dict(expected.ranked), abs=1e-3)


@interpreted
@torch.no_grad()
def test_passes_are_read_alike_whatever_was_read_before(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a recording's buffers, and in one made for the pass: nothing of a longer pass is left in them."""
    model = small_model(small_config(**VARIANTS["80b"], **SHAPE))
    stepped = Stepped(model, small_tokenizer, AHEAD)
    stepped.ask([picture("red"), picture("navy"), "What"], Options(max_new_tokens=20))
    stepped.step()
    machine = stepped.engine.machine
    pages = machine.memory.pool.take(4)
    long = Chunk(list(range(300, 318)), 0, pages[:2], [0] * 4 + [1] * 9 + [2] * 5, 1)
    short = Chunk([310, 311, 312], 0, pages[2:3], [0, 2, 2], 1)
    further = Chunk(list(range(340, 345)), 18, pages[:2], [2] * 5, 1)
    sequences = prefill.RECORDED_SEQUENCES + 1
    many = [Chunk([300 + at], 0, pages[3:4], [0], int(at == sequences - 1)) for at in range(sequences)]
    unwanted = Chunk([350, 351], 3, pages[2:3], [2, 2], 0)
    passes = [[long, short], [short, further], [unwanted], many]
    used = record(stepped, monkeypatch)
    keys = machine.memory.own[0].keys
    for each in passes:
        logits = []
        others = sorted(set(range(1, len(keys))) - {page for chunk in each for page in chunk.pages})
        for kernels in (False, True):  # Each goes on from the pages that the other has left.
            monkeypatch.setattr(dispatch, "uses_kernels", lambda _, kernels=kernels: kernels)
            for layer in machine.memory.own:
                # Tokens that only fill a recording up leave anything in page 0, which the gathering way reads
                # and weighs with 0; on a GPU the two never share a memory.
                layer.keys[0].zero_()
                layer.values[0].zero_()
            kept = keys[others]
            keys[others] = 7.0
            logits.append(machine.prefill.read(each))
            assert (keys[others] == 7.0).all()
            keys[others] = kept
        torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)
    assert used == [24, 8, 8]
