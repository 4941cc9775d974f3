"""Products with NF4 weights in Triton: for GPUs for which `nf4_hopper` is not, and for the interpreter.

A weight is two codes a byte, the earlier one in the upper four bits, into a table of 16 values; each 64
neighbours in a row share a scale, which is applied to their sum.

One row or 64, the tensor cores multiply. Their instruction takes 16 outputs by 16 inputs of one factor and 16
inputs by 8 rows of the other, spread over a warp so that lane 4 g + c holds outputs g and g + 8 and row g,
each at the same few of the inputs. Which these are is free, so long as it is the same for both factors: here
the 16 in a row that begin at 16 c. What a lane needs then lies side by side in memory, and goes from there
straight into the registers where it is unpacked and multiplied, past the shared memory and all waiting for
other warps.

So the tensors here have the threads for their first dimension, and for others what a thread holds. Triton
leaves it at that, and where they are made into matrices it sees that all is in its place already.
"""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# mypy: disable-error-code=assignment
# ruff: noqa: N803, N806, RUF005 (Triton adds tuples, but does not unpack them)

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.joining import join_splits
from inference.kernels.launching import overlapping
from inference.kernels.nf4_values import load_table, look_up, table
from inference.kernels.nf4_weight import BLOCK_SIZE, Nf4Weight
from inference.kernels.tuples import apart, together

_BLOCK = tl.constexpr(BLOCK_SIZE)
_OUTPUTS = tl.constexpr(16)


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the work is dealt out."""

    groups: int
    """Groups of 16 outputs that a program has, each a warp or several. More of them read `x` less often."""
    parts: int
    """Warps of a group, which take turns at chunks of the inputs."""
    blocks: int
    """Blocks of inputs in a chunk, 1, 2 or 4, as far as they divide the inputs. The next chunk is on its way
    while one is multiplied, so more of them keep the memory busier, and cost registers."""
    programs: int
    """Where outputs are too few for so many programs, the inputs are split too, and the sums joined."""


TILES = {8: Tiles(1, 4, 4, 1), 16: Tiles(4, 2, 2, 264), 32: Tiles(2, 4, 2, 1), 64: Tiles(4, 1, 1, 264)}
"""By the number of rows, rounded up: what was within 3 % of the fastest of some 25 ways on an H100.
`python -m tests.inference.kernels.bench --tiles` tries others."""
# Splits of less are not worth their joining.
_FEWEST_STEPS = 2


def multiply(x: torch.Tensor, weight: Nf4Weight, out: torch.Tensor) -> None:
    """Writes x · weightᵀ to `out`, as `nf4_linear` says; float32 works too, slowly."""
    rows, inputs = x.shape
    outputs = len(weight.packed)
    padded = max(8, triton.next_power_of_2(rows))
    tiles = TILES[padded]
    blocks = gcd(tiles.blocks, inputs // BLOCK_SIZE)
    programs = triton.cdiv(outputs, 16 * tiles.groups)
    splits = _splits(programs, inputs // (BLOCK_SIZE * blocks * tiles.parts), tiles.programs)
    parts = out if splits == 1 else x.new_empty((splits, rows, outputs), dtype=torch.float32)
    assembled = x.is_cuda and torch.version.hip is None and x.dtype.itemsize == 2
    _product[(programs, splits)](
        x,
        weight.packed.view(torch.int32),
        weight.scales,
        table(x.dtype, x.device, assembled=assembled),
        parts,
        rows,
        outputs,
        INPUTS=inputs,
        OCTETS=padded // 8,
        GROUPS=tiles.groups,
        PARTS=tiles.parts,
        BLOCKS=blocks,
        SPLITS=splits,
        ASSEMBLED=assembled,
        num_warps=tiles.groups * tiles.parts,
        **overlapping(x),
    )
    if splits > 1:
        join_splits(parts, out)


def _splits(programs: int, steps: int, wanted: int) -> int:
    """Into how many, a power of two, to split the inputs of so many programs of so many steps."""
    splits = 1
    while 2 * splits * programs <= wanted and 2 * splits * _FEWEST_STEPS <= steps:
        splits *= 2
    return splits


@triton.jit(do_not_specialize=["rows"])
def _product(
    x,
    packed,
    scales,
    values,
    out,
    rows,
    outputs,
    INPUTS: tl.constexpr,
    OCTETS: tl.constexpr,
    GROUPS: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCKS: tl.constexpr,
    SPLITS: tl.constexpr,
    ASSEMBLED: tl.constexpr,
    PDL: tl.constexpr,
):
    """A program has GROUPS x 16 outputs and one of SPLITS of the inputs.

    Its parts take turns at chunks of BLOCKS blocks of inputs. The rows are OCTETS eights, some of which may
    be beyond the last row. Each split has a part of `out` for itself, (SPLITS, rows, outputs).
    """
    ACROSS: tl.constexpr = INPUTS // _BLOCK
    AT_ONCE: tl.constexpr = BLOCKS * PARTS * SPLITS
    STEPS: tl.constexpr = (ACROSS + AT_ONCE - 1) // AT_ONCE
    RAGGED: tl.constexpr = ACROSS % AT_ONCE != 0
    WARPS: tl.constexpr = GROUPS * PARTS
    thread = tl.arange(0, 32 * WARPS)
    warp, eighth, quarter = thread // 32, thread // 4 % 8, thread % 4
    output = (tl.program_id(0) * GROUPS + warp // PARTS) * _OUTPUTS + eighth
    low = tl.minimum(output, outputs - 1).to(tl.int64)
    high = tl.minimum(output + 8, outputs - 1).to(tl.int64)
    word = 2 * quarter[:, None] + tl.arange(0, 2)
    words_at = packed + low[:, None] * (INPUTS // 8) + word, packed + high[:, None] * (INPUTS // 8) + word
    scales_at = (scales + low * ACROSS)[:, None], (scales + high * ACROSS)[:, None]
    place = 16 * quarter[:, None] + tl.arange(0, 8)
    x_at = ()
    for octet in tl.static_range(OCTETS):
        row = tl.minimum(eighth + 8 * octet, rows - 1)
        x_at = x_at + (x + row[:, None] * INPUTS + place,)
    chosen = load_table(values, eighth, ASSEMBLED)
    chunk = tl.program_id(1) * STEPS * PARTS + warp % PARTS
    words, scale = _chunk(words_at, scales_at, chunk, ACROSS, BLOCKS, RAGGED)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([WARPS, _OUTPUTS, OCTETS, 4, 2], tl.float32)
    for step in tl.range(0, STEPS - 1, num_stages=1):
        here = chunk + step * PARTS
        following = _chunk(words_at, scales_at, here + PARTS, ACROSS, BLOCKS, RAGGED)
        if ASSEMBLED:
            _loads_stay_here()
        total = _add_product(total, words, scale, x_at, here, chosen, ACROSS, BLOCKS, RAGGED, ASSEMBLED)
        words, scale = following
    here = chunk + (STEPS - 1) * PARTS
    total = _add_product(total, words, scale, x_at, here, chosen, ACROSS, BLOCKS, RAGGED, ASSEMBLED)
    result = tl.sum(tl.reshape(total, [GROUPS, PARTS, _OUTPUTS, 8 * OCTETS]), 1)
    first = tl.program_id(0) * GROUPS * _OUTPUTS
    column = first + tl.arange(0, GROUPS * _OUTPUTS)[:, None]
    line = tl.arange(0, 8 * OCTETS)[None, :]
    result = tl.reshape(result, [GROUPS * _OUTPUTS, 8 * OCTETS]).to(out.dtype.element_ty)
    to = out + (tl.program_id(1) * rows + line) * outputs + column
    tl.store(to, result, mask=(line < rows) & (column < outputs))


@triton.jit
def _chunk(words_at, scales_at, chunk, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr):
    """Each thread's share of a chunk: for each block (threads, 2, 2) words and (threads, 2) scales.

    The last of the dimensions are an output and the eighth after it. Beyond the last chunk it is the last one
    again, with 0 for scales.
    """
    block = _inside(chunk, ACROSS, BLOCKS, RAGGED) * BLOCKS
    words = ()
    for each in tl.static_range(BLOCKS):
        skipped = ((block + each) * (_BLOCK // 8))[:, None]
        low = tl.load(words_at[0] + skipped, eviction_policy="evict_first")
        high = tl.load(words_at[1] + skipped, eviction_policy="evict_first")
        words = words + (tl.join(low, high),)
    near = block[:, None] + tl.arange(0, BLOCKS)
    if RAGGED:
        there = (chunk * BLOCKS < ACROSS)[:, None]
        low = tl.load(scales_at[0] + near, mask=there, other=0.0)
        high = tl.load(scales_at[1] + near, mask=there, other=0.0)
    else:
        low = tl.load(scales_at[0] + near)
        high = tl.load(scales_at[1] + near)
    lows, highs = apart(low, BLOCKS), apart(high, BLOCKS)
    scales = ()
    for each in tl.static_range(BLOCKS):
        scales = scales + (tl.join(lows[each], highs[each]),)
    return words, scales


@triton.jit
def _inside(chunk, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr):
    return tl.minimum(chunk, ACROSS // BLOCKS - 1) if RAGGED else chunk


@triton.jit
def _add_product(
    total,
    words,
    scales,
    x_at,
    chunk,
    values,
    ACROSS: tl.constexpr,
    BLOCKS: tl.constexpr,
    RAGGED: tl.constexpr,
    ASSEMBLED: tl.constexpr,
):
    """`total`, (warps, 16, OCTETS, 4, 2), with each warp's chunk multiplied and added."""
    WARPS: tl.constexpr = total.shape[0]
    OCTETS: tl.constexpr = total.shape[2]
    block = _inside(chunk, ACROSS, BLOCKS, RAGGED) * BLOCKS
    for each in tl.static_range(BLOCKS):
        first = ((block + each) * _BLOCK)[:, None]
        octets = ()
        for octet in tl.static_range(OCTETS):
            octets = octets + (tl.join(tl.load(x_at[octet] + first), tl.load(x_at[octet] + first + 8)),)
        # Inputs are, from here on, (quarter, word, half, pair, one). The tensor cores' order is such that a
        # lane has two neighbours; with the lanes in second but last place its numbers stay where they are.
        x = tl.reshape(together(octets, OCTETS), [WARPS, 8, 4, 2, 2, 2, 2, OCTETS])
        x = tl.reshape(tl.permute(x, [0, 6, 4, 2, 3, 5, 7, 1]), [WARPS, _BLOCK, 8 * OCTETS])
        found = together(look_up(words[each], values, x.dtype, ASSEMBLED), 8)
        weights = tl.reshape(found, [WARPS, 8, 4, 2, 2, 2, 2, 2])
        weights = tl.reshape(tl.permute(weights, [0, 4, 1, 3, 6, 2, 5, 7]), [WARPS, _OUTPUTS, _BLOCK])
        product = tl.dot(weights, x, input_precision="ieee")
        # A lane of the product has two neighbouring rows of an eight: (4, 2).
        factor = tl.permute(tl.reshape(scales[each], [WARPS, 8, 4, 2]), [0, 3, 1, 2])
        factor = tl.reshape(factor, [WARPS, _OUTPUTS, 1, 4, 1])
        total += tl.reshape(product, [WARPS, _OUTPUTS, OCTETS, 4, 2]) * factor
    return total


@triton.jit
def _loads_stay_here():
    """What has been loaded ahead is not loaded later, just before its use, to save registers."""
    tl.inline_asm_elementwise(
        "bar.warp.sync 0xffffffff; mov.b32 $0, 0;", "=r", [], dtype=tl.int32, is_pure=False, pack=1
    )
