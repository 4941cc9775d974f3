"""Where Triton's kernels are used and where torch's own operations."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec

import torch


def uses_kernels(x: torch.Tensor) -> bool:
    """Whether what is done with `x` has a kernel where `x` lies."""
    return x.is_cuda and _runs_kernels(x.device)


@cache
def _runs_kernels(device: torch.device) -> bool:
    """Triton comes with torch for NVIDIA GPUs on Linux, and compiles for those from Ampere on."""
    return find_spec("triton") is not None and torch.cuda.get_device_capability(device) >= (8, 0)


def launching_for(x: torch.Tensor) -> AbstractContextManager[object]:
    """Inside, kernels are started on the device of `x`; Triton does not look where its arguments lie."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
