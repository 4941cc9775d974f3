"""Sums over the splits of a product's inputs, each of which other programs have computed."""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# ruff: noqa: N803

from __future__ import annotations

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.launching import overlapping

_AT_ONCE = 1024


def join_splits(parts: torch.Tensor, out: torch.Tensor) -> None:
    """Writes the sum of `parts`, float32, (splits, *shape), to `out`, (*shape); both are contiguous."""
    _join_splits[(triton.cdiv(out.numel(), _AT_ONCE),)](
        parts, out, out.numel(), SPLITS=len(parts), AT_ONCE=_AT_ONCE, num_warps=4, **overlapping(out)
    )


@triton.jit
def _join_splits(parts, out, size, SPLITS: tl.constexpr, AT_ONCE: tl.constexpr, PDL: tl.constexpr):
    place = tl.program_id(0) * AT_ONCE + tl.arange(0, AT_ONCE)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([AT_ONCE], tl.float32)
    for split in tl.static_range(SPLITS):
        total += tl.load(parts + split * size + place, mask=place < size, other=0.0)
    tl.store(out + place, total.to(out.dtype.element_ty), mask=place < size)
