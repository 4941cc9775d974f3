"""The way that a GPU goes, in Triton's interpreter: its kernels, and rows without a sequence."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from inference import EngineSettings, Options
from inference.engine import dispatch
from tests.inference.checkpoints import small_config, small_model
from tests.inference.engine.stepping import Stepped
from tests.inference.oracle import PROMPTS, VARIANTS, Oracle

AHEAD = EngineSettings(
    context_bytes=2**20, picture_bytes=2**17, most_rows=8, runs_ahead=True, idle_chunk_tokens=30
)


@pytest.mark.parametrize(
    "kernels",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                importlib.util.find_spec("triton") is None or torch.cuda.is_available(),
                reason="Triton is not installed, or does not interpret",
            ),
        ),
    ],
)
def test_tokens_are_those_of_generate(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch, kernels: bool
) -> None:
    monkeypatch.setattr(dispatch, "uses_kernels", lambda _: kernels)
    # The interpreter takes its time.
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 96}
    model = small_model(small_config(**VARIANTS["80b"], **shape))
    oracle = Oracle(model, small_tokenizer)
    stepped = Stepped(model, small_tokenizer, AHEAD)
    stepped.engine.machine.pads_rows = True
    requests = [(PROMPTS[2], {"max_new_tokens": 3}), (PROMPTS[0], {"max_new_tokens": 4, "num_beams": 2})]
    outcomes = [stepped.ask(prompt, Options(**options))[1] for prompt, options in requests]
    stepped.finish()
    for (prompt, options), outcome in zip(requests, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, **options)
