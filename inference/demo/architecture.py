"""The shape of the built-in model: an IDEFICS in small, every part of the large ones present."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers.models.idefics.configuration_idefics import IdeficsConfig

IMAGE_SIZE = 96
"""Pixels."""
PATCH_SIZE = 8
"""Pixels; four patches a grid cell and side."""


def demo_config(vocab_size: int) -> IdeficsConfig:
    """`vocab_size` counts the tokenizer's pieces without the three added tokens."""
    return IdeficsConfig(
        vocab_size=vocab_size,
        additional_vocab_size=3,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        cross_layer_interval=2,
        alpha_initializer="ones",
        max_position_embeddings=2048,
        use_resampler=True,
        freeze_text_layers=False,
        freeze_vision_layers=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        vision_config={
            "embed_dim": 192,
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH_SIZE,
            "num_hidden_layers": 6,
            "num_attention_heads": 6,
            "intermediate_size": 768,
        },
        perceiver_config={
            "use_resampler": True,
            "resampler_n_latents": 16,
            "resampler_depth": 2,
            "resampler_n_heads": 6,
            "resampler_head_dim": 32,
        },
    )


def starting_positions(width: int, amplitude: float = 0.25) -> Tensor:
    """Where the training's position embeddings begin: float32, (1 + patches, width), the first all zeros.

    Half of the width are sines and cosines of the row, half of the column. Left at the library's tiny random
    values, places drown in the patches' colours, and hundreds of steps pass before latents tell cells apart.
    """
    side = IMAGE_SIZE // PATCH_SIZE
    frequencies = torch.logspace(0, 1, width // 4) * torch.pi / side / 2
    angles = (torch.arange(side) + 0.5)[:, None] * frequencies
    axis = amplitude * torch.cat([angles.sin(), angles.cos()], dim=1)
    grid = torch.cat([axis[:, None].expand(-1, side, -1), axis[None].expand(side, -1, -1)], dim=2)
    return torch.cat([torch.zeros(1, width), grid.reshape(side * side, width)])
