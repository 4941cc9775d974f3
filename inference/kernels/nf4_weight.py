"""bitsandbytes' NF4 weights as the kernel reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn import Linear4bit

BLOCK_SIZE = 64
"""Neighbouring weights that share a scale: bitsandbytes' default, and what transformers asks for."""


@dataclass(frozen=True, slots=True)
class Nf4Weight:
    """A matrix (outputs, inputs) in NF4, its scales at hand as plain numbers."""

    packed: torch.Tensor
    """uint8, (outputs, inputs / 2): bitsandbytes' own storage, not a copy."""
    scales: torch.Tensor
    """float32, (outputs, inputs / 64)."""

    @classmethod
    def of(cls, linear: Linear4bit) -> Nf4Weight:
        """The weight of a quantised layer; its bias, if it has one, remains the caller's to add.

        Raises `ValueError` for what the kernels do not read: FP4, blocks of another size, inputs that are
        not a multiple of 64, and the layout into which bitsandbytes packs again on some CPUs.
        """
        state = linear.weight.quant_state
        if state.quant_type != "nf4" or state.blocksize != BLOCK_SIZE:
            raise ValueError(f"{state.quant_type} in blocks of {state.blocksize} is not NF4 in blocks of 64.")
        if getattr(state, "packing_format_for_cpu", False):
            raise ValueError("bitsandbytes has packed this weight for the CPU; load the checkpoint anew.")
        outputs, inputs = state.shape
        if inputs % BLOCK_SIZE:
            raise ValueError(f"A row of {inputs} weights is no multiple of {BLOCK_SIZE}.")
        scales = state.absmax
        if state.nested:
            scales = dequantize_blockwise(scales, state.state2) + state.offset
        return cls(
            packed=linear.weight.data.view(torch.uint8).view(outputs, inputs // 2),
            scales=scales.float().view(outputs, inputs // BLOCK_SIZE),
        )

    @classmethod
    def stack(cls, weights: Sequence[Nf4Weight]) -> Nf4Weight:
        """The weights of layers that have the same input, one under the other: one product, not several.

        This is a copy. For the layers to read it too, make their weights views of `packed`.
        """
        return cls(
            packed=torch.cat([weight.packed for weight in weights]),
            scales=torch.cat([weight.scales for weight in weights]),
        )
