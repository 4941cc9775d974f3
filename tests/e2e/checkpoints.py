"""A model that never comes to an end, so that a test can look at answers while they grow."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.inference.checkpoints import PICTURE_SIZE, VOCABULARY_SIZE, small_config, small_model
from tests.inference.tokenizer_fixture import write_tokenizer

FIRST_PIECE = 259
"""After <unk>, <s>, </s> and the 256 bytes."""
CONTEXT = 16384


def write_endless_checkpoint(folder: Path) -> Path:
    """Random weights; special tokens and single bytes, line feeds among them, are never the likeliest."""
    model = small_model(small_config(max_position_embeddings=CONTEXT))
    with torch.no_grad():
        model.lm_head.weight[:FIRST_PIECE].zero_()
        model.lm_head.additional_fc.weight.zero_()
    model.save_pretrained(folder)
    write_tokenizer(folder, vocabulary_size=VOCABULARY_SIZE)
    preprocessor = {"image_size": PICTURE_SIZE, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return folder
