"""Products of a few rows with a large matrix, as fast as the matrix can be read.

One row is a product with a vector; 2 to 64 rows are multiplied on the tensor cores. Both begin to read the
matrix before the kernel in front of them has ended.
"""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# ruff: noqa: N803

from __future__ import annotations

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.joining import join_splits
from inference.kernels.launching import on_its_device, overlapping, shared_memory
from inference.kernels.limits import MOST_ROWS

# Tiles. Of a vector's product: a load of 16 bytes for each thread, and the next one on its way.
_VECTOR = {"OUTPUTS_AT_ONCE": 1, "INPUTS_AT_ONCE": 2048, "num_warps": 8}
# Of a matrix product: as many outputs as a warpgroup multiplies, and inputs as fit into shared memory.
_OUTPUTS = 64
_MOST_INPUTS = 256
_STAGES = 3
# Where outputs are too few for a program on each of 132 multiprocessors, the inputs are split too, but not so
# far that the parts' sums weigh more than the weights.
_PROGRAMS = 132
_FEWEST_STEPS = 4
# Tiles of weights that a program calls into the cache before it waits: a power of two.
_PREFETCHED = 2
_LINE = tl.constexpr(128)


@on_its_device
def linear(x: torch.Tensor, weight: torch.Tensor, *, gated: bool = False) -> torch.Tensor:
    """x · weightᵀ, (rows, outputs); sums are float32.

    Args:
        x: (rows, inputs), contiguous, 1 to `MOST_ROWS` rows.
        weight: (outputs, inputs), contiguous, of the type of `x`.
        gated: the first half of the outputs are gates of the second: the result is silu(gate) * up,
            (rows, outputs / 2).
    """
    rows, inputs = x.shape
    assert 1 <= rows <= MOST_ROWS
    assert weight.shape[1] == inputs
    assert x.is_contiguous()
    assert weight.is_contiguous()
    outputs = len(weight) // 2 if gated else len(weight)
    out = x.new_empty(rows, outputs)
    if rows == 1:
        grid = (triton.cdiv(outputs, _VECTOR["OUTPUTS_AT_ONCE"]),)
        _vector_product[grid](
            x, weight, out, outputs, INPUTS=inputs, GATED=gated, **_VECTOR, **overlapping(x)
        )
        return out
    # A tile of gated outputs holds as many gates as what they open.
    tiles = triton.cdiv(len(weight), _OUTPUTS)
    padded_rows = max(16, triton.next_power_of_2(rows))
    inputs_at_once = _inputs_at_once(padded_rows, x)
    steps = triton.cdiv(inputs, inputs_at_once)
    splits = 1 if gated else max(1, min(_PROGRAMS // tiles, steps // _FEWEST_STEPS))
    parts = out if splits == 1 else x.new_empty((splits, rows, outputs), dtype=torch.float32)
    _matrix_product[(tiles, splits)](
        x,
        weight,
        parts,
        rows,
        outputs,
        triton.cdiv(steps, splits),
        INPUTS=inputs,
        ROWS=padded_rows,
        GATED=gated,
        PREFETCHED=_PREFETCHED,
        OUTPUTS_AT_ONCE=_OUTPUTS,
        INPUTS_AT_ONCE=inputs_at_once,
        num_warps=4,
        num_stages=_STAGES,
        **overlapping(x),
    )
    if splits > 1:
        join_splits(parts, out)
    return out


def _inputs_at_once(rows: int, x: torch.Tensor) -> int:
    """Inputs of a tile, of which the device's multiprocessors hold `_STAGES` at a time."""
    at_once = _MOST_INPUTS
    while at_once > 32 and _STAGES * (_OUTPUTS + rows) * at_once * x.element_size() > shared_memory(x.device):
        at_once //= 2
    return at_once


@triton.jit
def _call_into_cache(places):
    """Has the lines that `places` lie in brought from memory into the second cache; nothing waits for it."""
    tl.inline_asm_elementwise(
        "prefetch.global.L2 [$1]; mov.b32 $0, 0;",
        "=r,l",
        [places.to(tl.int64)],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def _gated(gate, up, kind: tl.constexpr):
    """silu(gate) * up, rounded where separate operations would round."""
    gate = gate.to(kind).to(tl.float32)
    activated = (gate / (1.0 + tl.exp(-gate))).to(kind).to(tl.float32)
    return activated * up.to(kind).to(tl.float32)


@triton.jit
def _vector_product(
    x,
    weight,
    out,
    outputs,
    INPUTS: tl.constexpr,
    GATED: tl.constexpr,
    OUTPUTS_AT_ONCE: tl.constexpr,
    INPUTS_AT_ONCE: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program per few outputs. What is multiplied next is always on its way already."""
    output = tl.program_id(0) * OUTPUTS_AT_ONCE + tl.arange(0, OUTPUTS_AT_ONCE)
    there = (output < outputs)[:, None]
    column = tl.arange(0, INPUTS_AT_ONCE)
    matrix_row = output.to(tl.int64)[:, None]
    place = weight + matrix_row * INPUTS + column[None, :]
    up_place = weight + (matrix_row + outputs) * INPUTS + column[None, :]
    inside = there & (column < INPUTS)[None, :]
    tile = tl.load(place, mask=inside, other=0.0)
    if GATED:
        up_tile = tl.load(up_place, mask=inside, other=0.0)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([OUTPUTS_AT_ONCE, INPUTS_AT_ONCE], tl.float32)
    up_total = tl.zeros([OUTPUTS_AT_ONCE, INPUTS_AT_ONCE], tl.float32)
    for first in range(0, INPUTS, INPUTS_AT_ONCE):
        values = tl.load(x + first + column, mask=first + column < INPUTS, other=0.0).to(tl.float32)[None, :]
        following = first + INPUTS_AT_ONCE
        inside = there & (following + column < INPUTS)[None, :]
        next_tile = tl.load(place + following, mask=inside, other=0.0)
        total += tile.to(tl.float32) * values
        tile = next_tile
        if GATED:
            next_up_tile = tl.load(up_place + following, mask=inside, other=0.0)
            up_total += up_tile.to(tl.float32) * values
            up_tile = next_up_tile
    result = tl.sum(total, 1)
    if GATED:
        result = _gated(result, tl.sum(up_total, 1), out.dtype.element_ty)
    tl.store(out + output, result.to(out.dtype.element_ty), mask=output < outputs)


@triton.jit(do_not_specialize=["rows", "steps"])
def _matrix_product(
    x,
    weight,
    parts,
    rows,
    outputs,
    steps,
    INPUTS: tl.constexpr,
    ROWS: tl.constexpr,
    GATED: tl.constexpr,
    OUTPUTS_AT_ONCE: tl.constexpr,
    INPUTS_AT_ONCE: tl.constexpr,
    PREFETCHED: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program per tile of outputs and split of the inputs; a split is `steps` tiles of inputs.

    The weights are the left factor, whose tile is the tensor cores' larger side: the rows are the few. If
    `GATED`, its first half are gates and its second half what they open.
    """
    different: tl.constexpr = OUTPUTS_AT_ONCE // 2 if GATED else OUTPUTS_AT_ONCE
    place = tl.arange(0, OUTPUTS_AT_ONCE)
    output = tl.program_id(0) * different + place % different
    split = tl.program_id(1)
    row = tl.arange(0, ROWS)[None, :]
    column = tl.arange(0, INPUTS_AT_ONCE)
    there = (output < outputs)[:, None]
    matrix_row = (output + place // different * outputs).to(tl.int64)[:, None]
    weights = weight + matrix_row * INPUTS + column[None, :]
    values = x + tl.minimum(row, rows - 1) * INPUTS + column[:, None]
    start = split * steps * INPUTS_AT_ONCE
    end = tl.minimum(start + steps * INPUTS_AT_ONCE, INPUTS)
    if PDL:
        line = start + tl.arange(0, PREFETCHED * INPUTS_AT_ONCE * 2 // _LINE) * (_LINE // 2)
        last_row = (2 * outputs if GATED else outputs) - 1
        near = tl.minimum(matrix_row, last_row) * INPUTS + tl.minimum(line, INPUTS - 1)[None, :]
        _call_into_cache(weight + near)
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([OUTPUTS_AT_ONCE, ROWS], tl.float32)
    for first in range(start, end, INPUTS_AT_ONCE):
        inside = first + column < INPUTS
        w = tl.load(weights + first, mask=there & inside[None, :], other=0.0)
        inputs = tl.load(values + first, mask=inside[:, None], other=0.0)
        total = tl.dot(w, inputs, total, input_precision="ieee")
    if GATED:
        gate, up = tl.split(tl.permute(tl.reshape(total, [2, different, ROWS]), (1, 2, 0)))
        total = _gated(gate, up, parts.dtype.element_ty)
        output = tl.program_id(0) * different + tl.arange(0, different)
        there = (output < outputs)[:, None]
    target = parts + (split.to(tl.int64) * rows + row) * outputs + output[:, None]
    tl.store(target, total.to(parts.dtype.element_ty), mask=(row < rows) & there)
