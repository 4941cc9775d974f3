"""Products with bitsandbytes' NF4 weights for few rows: the packed bytes are read once, as they are stored.

A weight is two codes a byte, the earlier one in the upper four bits, into a table of 16 values; each 64
neighbours in a row share a scale. One row is a product with a vector, 2 to 64 are multiplied on the tensor
cores.
"""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# ruff: noqa: N803

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn import Linear4bit

BLOCK_SIZE = 64
"""Neighbouring weights that share a scale: bitsandbytes' default, and what transformers asks for."""
MOST_ROWS = 64
"""Above it, unpacking the weight for a product of torch's own is the better way."""

_BLOCK = tl.constexpr(BLOCK_SIZE)
_CODES = tl.constexpr(16)

# Tiles. Of a vector's product: 8 KiB of packed weights, four loads of 16 bytes for each thread.
_VECTOR = {"OUTPUTS_AT_ONCE": 8, "INPUTS_AT_ONCE": 2048, "num_warps": 4}
# Of a matrix product: as many outputs as two warpgroups multiply, since each program reads all of `x`.
_MATRIX = {"OUTPUTS_AT_ONCE": 128, "INPUTS_AT_ONCE": 128, "num_warps": 8}
# Two tiles are on their way while one is worked on.
_STAGES = tl.constexpr(3)
# Where outputs are too few for two programs on each of 132 multiprocessors, the inputs are split too, but
# not so far that the parts' sums weigh more than the weights.
_PROGRAMS = 264
_FEWEST_STEPS = 4
_JOINED = 1024


@dataclass(frozen=True, slots=True)
class Nf4Weight:
    """A matrix (outputs, inputs) in NF4, its scales at hand as plain numbers."""

    packed: torch.Tensor
    """uint8, (outputs, inputs / 2): bitsandbytes' own storage, not a copy."""
    scales: torch.Tensor
    """float32, (outputs, inputs / 64)."""
    table: torch.Tensor
    """float32, (16,): what each code means."""

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
            table=state.code.float(),
        )

    @classmethod
    def stack(cls, weights: Sequence[Nf4Weight]) -> Nf4Weight:
        """The weights of layers that have the same input, one under the other: one product, not several.

        This is a copy. For the layers to read it too, make their weights views of `packed`.
        """
        return cls(
            packed=torch.cat([weight.packed for weight in weights]),
            scales=torch.cat([weight.scales for weight in weights]),
            table=weights[0].table,
        )


def nf4_linear(x: torch.Tensor, weight: Nf4Weight, out: torch.Tensor) -> None:
    """Writes x · weightᵀ to `out`.

    `x`: (rows, inputs), contiguous, 1 to `MOST_ROWS` rows; `out`: (rows, outputs), contiguous. Both bfloat16
    for speed; float16 and float32 work. Sums are float32. Weights enter a product of several rows rounded to
    the type of `x`, as in bitsandbytes.
    """
    rows, inputs = x.shape
    outputs = weight.packed.shape[0]
    assert 1 <= rows <= MOST_ROWS
    assert weight.packed.shape[1] * 2 == inputs
    assert out.shape == (rows, outputs)
    assert x.is_contiguous()
    assert out.is_contiguous()
    operands = (x, weight.packed.view(torch.int32), weight.scales, weight.table)
    if rows == 1:
        grid = (triton.cdiv(outputs, _VECTOR["OUTPUTS_AT_ONCE"]),)
        _vector_product[grid](*operands, out, outputs, INPUTS=inputs, **_VECTOR)
        return
    tiles = triton.cdiv(outputs, _MATRIX["OUTPUTS_AT_ONCE"])
    steps = triton.cdiv(inputs, _MATRIX["INPUTS_AT_ONCE"])
    splits = min(triton.cdiv(_PROGRAMS, tiles), triton.cdiv(steps, _FEWEST_STEPS))
    parts = out if splits == 1 else torch.empty((splits, rows, outputs), dtype=torch.float32, device=x.device)
    _matrix_product[(tiles, splits)](
        *operands,
        parts,
        rows,
        outputs,
        triton.cdiv(steps, splits),
        INPUTS=inputs,
        ROWS=max(16, triton.next_power_of_2(rows)),
        **_MATRIX,
    )
    if splits > 1:
        grid = (triton.cdiv(out.numel(), _JOINED),)
        _join_splits[grid](parts, out, out.numel(), SPLITS=splits, AT_ONCE=_JOINED, num_warps=4)


@triton.jit
def _tile(
    packed,
    scales,
    table,
    output,
    first,
    outputs,
    INPUTS: tl.constexpr,
    OUTPUTS_AT_ONCE: tl.constexpr,
    INPUTS_AT_ONCE: tl.constexpr,
):
    """The tile from input `first` on: float32, (OUTPUTS_AT_ONCE, INPUTS_AT_ONCE), 0 outside the matrix."""
    row = output.to(tl.int64)[:, None]
    there = (output < outputs)[:, None]
    word = first // 8 + tl.arange(0, INPUTS_AT_ONCE // 8)[None, :]
    words = tl.load(packed + row * (INPUTS // 8) + word, mask=there & (word < INPUTS // 8), other=0)
    # Halves of the words, then bytes, then codes, each in the order in which they lie in memory.
    halves = tl.reshape(tl.join(words, words >> 16), [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE // 4])
    pairs = tl.reshape(tl.join(halves, halves >> 8), [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE // 2])
    codes = tl.reshape(tl.join(pairs >> 4, pairs) & 15, [OUTPUTS_AT_ONCE * INPUTS_AT_ONCE])
    values = tl.gather(tl.load(table + tl.arange(0, _CODES)), codes, 0)
    block = first // _BLOCK + tl.arange(0, INPUTS_AT_ONCE // _BLOCK)[None, :]
    inside = there & (block < INPUTS // _BLOCK)
    scale = tl.load(scales + row * (INPUTS // _BLOCK) + block, mask=inside, other=0.0)
    return tl.reshape(values, [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE]), scale


@triton.jit
def _vector_product(
    x,
    packed,
    scales,
    table,
    out,
    outputs,
    INPUTS: tl.constexpr,
    OUTPUTS_AT_ONCE: tl.constexpr,
    INPUTS_AT_ONCE: tl.constexpr,
):
    output = tl.program_id(0) * OUTPUTS_AT_ONCE + tl.arange(0, OUTPUTS_AT_ONCE)
    total = tl.zeros([OUTPUTS_AT_ONCE], tl.float32)
    for first in tl.range(0, INPUTS, INPUTS_AT_ONCE, num_stages=_STAGES):
        values, scale = _tile(
            packed, scales, table, output, first, outputs, INPUTS, OUTPUTS_AT_ONCE, INPUTS_AT_ONCE
        )
        place = first + tl.arange(0, INPUTS_AT_ONCE)
        inputs = tl.load(x + place, mask=place < INPUTS, other=0.0).to(tl.float32)
        products = tl.reshape(values * inputs[None, :], [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE // _BLOCK, _BLOCK])
        total += tl.sum(tl.sum(products, 2) * scale, 1)
    tl.store(out + output, total.to(out.dtype.element_ty), mask=output < outputs)


@triton.jit(do_not_specialize=["rows", "steps"])
def _matrix_product(
    x,
    packed,
    scales,
    table,
    parts,
    rows,
    outputs,
    steps,
    INPUTS: tl.constexpr,
    ROWS: tl.constexpr,
    OUTPUTS_AT_ONCE: tl.constexpr,
    INPUTS_AT_ONCE: tl.constexpr,
):
    """One program per tile of outputs and split of the inputs; a split is `steps` tiles of inputs.

    The weights are the left factor, whose tile is the tensor cores' larger side: the rows are the few.
    """
    output = tl.program_id(0) * OUTPUTS_AT_ONCE + tl.arange(0, OUTPUTS_AT_ONCE)
    split = tl.program_id(1)
    row = tl.arange(0, ROWS)[None, :]
    total = tl.zeros([OUTPUTS_AT_ONCE, ROWS], tl.float32)
    start = split * steps * INPUTS_AT_ONCE
    end = tl.minimum(start + steps * INPUTS_AT_ONCE, INPUTS)
    for first in tl.range(start, end, INPUTS_AT_ONCE, num_stages=_STAGES):
        values, scale = _tile(
            packed, scales, table, output, first, outputs, INPUTS, OUTPUTS_AT_ONCE, INPUTS_AT_ONCE
        )
        place = first + tl.arange(0, INPUTS_AT_ONCE)[:, None]
        inputs = tl.load(x + tl.minimum(row, rows - 1) * INPUTS + place, mask=place < INPUTS, other=0.0)
        blocks = tl.reshape(values, [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE // _BLOCK, _BLOCK]) * scale[:, :, None]
        w = tl.reshape(blocks, [OUTPUTS_AT_ONCE, INPUTS_AT_ONCE])
        total = tl.dot(w.to(inputs.dtype), inputs, total, input_precision="ieee")
    target = parts + (split.to(tl.int64) * rows + row) * outputs + output[:, None]
    tl.store(target, total.to(parts.dtype.element_ty), mask=(row < rows) & (output < outputs)[:, None])


@triton.jit
def _join_splits(parts, out, size, SPLITS: tl.constexpr, AT_ONCE: tl.constexpr):
    place = tl.program_id(0) * AT_ONCE + tl.arange(0, AT_ONCE)
    total = tl.zeros([AT_ONCE], tl.float32)
    for split in tl.static_range(SPLITS):
        total += tl.load(parts + split * size + place, mask=place < size, other=0.0)
    tl.store(out + place, total.to(out.dtype.element_ty), mask=place < size)
