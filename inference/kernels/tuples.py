"""Tensors as tuples of smaller ones in Triton, and back."""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# mypy: disable-error-code=assignment
# ruff: noqa: N803, RUF005 (Triton adds tuples, but does not unpack them)

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def apart(tensor, COUNT: tl.constexpr):
    """(threads, COUNT) as COUNT times (threads,)."""
    found = ()
    if COUNT == 1:
        found = found + (tl.reshape(tensor, tensor.shape[:1]),)
    else:
        even, odd = tl.split(tl.reshape(tensor, tensor.shape[:1] + [COUNT // 2, 2]))
        evens, odds = apart(even, COUNT // 2), apart(odd, COUNT // 2)
        for each in tl.static_range(COUNT // 2):
            found = found + (evens[each], odds[each])
    return found


@triton.jit
def together(tensors, COUNT: tl.constexpr):
    """COUNT tensors as one with further dimensions, of 2 each, in the order in which they are given."""
    found = tensors[0]
    if COUNT > 1:
        pairs = ()
        for each in tl.static_range(COUNT // 2):
            pairs = pairs + (tl.join(tensors[each], tensors[each + COUNT // 2]),)
        found = together(pairs, COUNT // 2)
    return found
