"""Where Triton's kernels are used and where torch's own operations."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def uses_kernels(x: torch.Tensor) -> bool:
    """Whether what is done with `x` has a kernel where `x` lies."""
    return x.is_cuda


def launching_for(x: torch.Tensor) -> AbstractContextManager[object]:
    """Inside, kernels are started on the device of `x`; Triton does not look where its arguments lie."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def attending_at_any_shape(x: torch.Tensor) -> AbstractContextManager[object]:
    """Inside, attention on the device of `x` does without cuDNN, which works out a plan for each new shape.

    Prompts come in every length, and a plan takes cuDNN a tenth of a second.
    """
    if not x.is_cuda:
        return nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
