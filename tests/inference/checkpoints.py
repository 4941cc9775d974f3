"""Small IDEFICS models with random weights, in memory and as checkpoints in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from transformers.models.idefics.configuration_idefics import IdeficsConfig
from transformers.models.idefics.modeling_idefics import (
    IdeficsForVisionText2Text,
    IdeficsGatedCrossAttentionLayer,
    IdeficsRMSNorm,
)

from tests.inference.tokenizer_fixture import ADDED_TOKENS, write_tokenizer

VOCABULARY_SIZE = 480
PICTURE_SIZE = 28
CONTEXT = 256


def small_config(
    *,
    qk_layer_norms: bool = False,
    resampler: bool = True,
    vector_alphas: bool = False,
    instruct: bool = True,
    **changes: Any,
) -> IdeficsConfig:
    """A configuration of some 200,000 weights. All dimensions are multiples of 64, as 4-bit wants them."""
    values: dict[str, Any] = {
        "vocab_size": VOCABULARY_SIZE,
        "additional_vocab_size": len(ADDED_TOKENS) if instruct else len(ADDED_TOKENS) - 1,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "cross_layer_interval": 2,
        "qk_layer_norms": qk_layer_norms,
        "alpha_initializer": "ones",
        "alpha_type": "vector" if vector_alphas else "float",
        "max_position_embeddings": CONTEXT,
        "use_resampler": resampler,
        "vision_config": {
            "embed_dim": 64,
            "image_size": PICTURE_SIZE,
            "patch_size": 14,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 128,
        },
        "perceiver_config": {
            "use_resampler": resampler,
            "resampler_n_latents": 20,  # They fill a page and a part of one.
            "resampler_depth": 1,
            "resampler_n_heads": 2,
            "resampler_head_dim": 32,
            "qk_layer_norms_perceiver": qk_layer_norms,
        },
    }
    return IdeficsConfig(**(values | changes))


def small_model(config: IdeficsConfig, seed: int = 0) -> IdeficsForVisionText2Text:
    """Random weights with which every part matters: pictures are seen, and no two norms are alike."""
    torch.manual_seed(seed)
    model = IdeficsForVisionText2Text(config).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, IdeficsRMSNorm | nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                if getattr(module, "bias", None) is not None:
                    module.bias.normal_(std=0.1)
            elif isinstance(module, IdeficsGatedCrossAttentionLayer):
                module.alpha_cross_attn.uniform_(0.5, 1.5)
                module.alpha_dense.uniform_(0.5, 1.5)
            elif isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(std=0.08)
    return model


def write_checkpoint(
    folder: Path,
    *,
    config: IdeficsConfig | None = None,
    shard_size: str = "200KB",
    dtype: torch.dtype = torch.float32,
    instruct: bool = True,
) -> Path:
    """A checkpoint as published: sharded safetensors with an index, tokenizer, preprocessor's settings."""
    model = small_model(config or small_config(instruct=instruct)).to(dtype)
    model.save_pretrained(folder, max_shard_size=shard_size)
    write_tokenizer(folder, instruct=instruct, vocabulary_size=VOCABULARY_SIZE)
    preprocessor = {
        "image_size": PICTURE_SIZE,
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return folder


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A plain picture with a diagonal of another colour."""
    image = Image.new("RGB", size, colour)
    for place in range(min(size)):
        image.putpixel((place, place), (255, 255, 255))
    return image
