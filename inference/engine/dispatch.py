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
