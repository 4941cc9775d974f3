"""Variants of the NF4 product: checks each, then times all matrices of a 9B decode step.

    python nf4_variants.py          # all, some three minutes; 14 processes compile
    python nf4_variants.py check    # only the check
    python nf4_variants.py tiled    # only variants with this in their name

Needs torch with a GPU, Triton from 3.6 on, nothing else. With PYTHONPATH=the repository its own kernel is
measured too, as "repository". nf4.md says what is behind each variant.
"""

# ruff: noqa
from __future__ import annotations

import ctypes
import multiprocessing
import sys
import time

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

# ---------------------------------------------------------------------------------------------------------
# Looking up. $0 to $7: eight values; $8: the word.

PRMT = tl.constexpr("""{
.reg .b32 sel, up, m, a, b, l, h, p;
and.b32 sel, $8, 0x77777777;
shl.b32 up, $8, 4;
prmt.b32 m, up, $8, 0xd9c8;
prmt.b32 a, $9, $10, sel;
prmt.b32 b, $11, $12, sel;
lop3.b32 l, m, b, a, 0xca;
prmt.b32 a, $13, $14, sel;
prmt.b32 b, $15, $16, sel;
lop3.b32 h, m, b, a, 0xca;
prmt.b32 p, l, h, 0x4051;
mov.b32 {$0, $1}, p;
prmt.b32 p, l, h, 0x6273;
mov.b32 {$2, $3}, p;
shr.u32 sel, sel, 16;
prmt.b32 m, up, $8, 0xfbea;
prmt.b32 a, $9, $10, sel;
prmt.b32 b, $11, $12, sel;
lop3.b32 l, m, b, a, 0xca;
prmt.b32 a, $13, $14, sel;
prmt.b32 b, $15, $16, sel;
lop3.b32 h, m, b, a, 0xca;
prmt.b32 p, l, h, 0x4051;
mov.b32 {$4, $5}, p;
prmt.b32 p, l, h, 0x6273;
mov.b32 {$6, $7}, p;
}""")
PRMT_REGISTERS = tl.constexpr(",".join(["=h"] * 8 + ["r"] * 9))

# Two values at once: a byte's, out of 256 pairs in shared memory, each there 32 times, so that every lane reads
# its own bank. $9: the lane's address.
PAIRS = tl.constexpr("""{
.reg .b32 b, a, p;
and.b32 b, $8, 0xff;
mad.lo.u32 a, b, 128, $9;
ld.shared.b32 p, [a];
mov.b32 {$0, $1}, p;
bfe.u32 b, $8, 8, 8;
mad.lo.u32 a, b, 128, $9;
ld.shared.b32 p, [a];
mov.b32 {$2, $3}, p;
bfe.u32 b, $8, 16, 8;
mad.lo.u32 a, b, 128, $9;
ld.shared.b32 p, [a];
mov.b32 {$4, $5}, p;
shr.u32 b, $8, 24;
mad.lo.u32 a, b, 128, $9;
ld.shared.b32 p, [a];
mov.b32 {$6, $7}, p;
}""")
PAIRS_REGISTERS = tl.constexpr(",".join(["=h"] * 8 + ["r"] * 2))
PAIRS_BYTES = 256 * 32 * 4


def filling(warps: int) -> tl.constexpr:
    """Lays the pairs out: each thread copies 16 bytes, four times one pair, 64 / warps times."""
    times = 64 // warps
    lines = [
        "{",
        ".shared .align 128 .b8 pairs[32768];",
        f".reg .b32 v<{times}>, at, t;",
        ".reg .b64 from;",
        "mov.u32 t, %tid.x;",
        "shr.u32 at, t, 3;",
        "mul.wide.u32 from, at, 4;",
        "add.s64 from, from, $1;",
        *(f"ld.global.nc.b32 v{i}, [from+{i * warps * 16}];" for i in range(times)),
        "shl.b32 t, t, 4;",
        "mov.u32 at, pairs;",
        "add.u32 at, at, t;",
        *(f"st.shared.v4.b32 [at+{i * warps * 512}], {{v{i}, v{i}, v{i}, v{i}}};" for i in range(times)),
        "bar.sync 0;",
        "mov.u32 t, %laneid;",
        "shl.b32 t, t, 2;",
        "mov.u32 at, pairs;",
        "add.u32 $0, at, t;",
        "}",
    ]
    return tl.constexpr("\n".join(lines))


FILL_4 = filling(4)
FILL_8 = filling(8)


@triton.jit
def load_table(table, eighth, LOOKUP: tl.constexpr, WARPS: tl.constexpr):
    """LOOKUP 0: nothing assembled, for the interpreter; 1: prmt; 2: pairs, which lie 64 words on."""
    loaded = ()
    if LOOKUP == 1:
        for word in tl.static_range(8):
            loaded = loaded + (tl.load(table + word * 8 + eighth)[:, None, None],)
    elif LOOKUP == 2:
        at = (table + 64).to(tl.int64)
        if WARPS == 4:
            loaded = loaded + (tl.inline_asm_elementwise(FILL_4, "=r,l", [at], dtype=tl.int32, is_pure=False, pack=1),)
        else:
            loaded = loaded + (tl.inline_asm_elementwise(FILL_8, "=r,l", [at], dtype=tl.int32, is_pure=False, pack=1),)
    else:
        loaded = loaded + (tl.load(table + tl.arange(0, 16)),)
    return loaded


@triton.jit
def look_up(words, t, LOOKUP: tl.constexpr):
    """Eight tensors of the shape of `words`, (threads, x, y), and together (..., 2, 2, 2)."""
    found = ()
    if LOOKUP == 1:
        found = tl.inline_asm_elementwise(
            PRMT, PRMT_REGISTERS, [words, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]],
            dtype=(tl.bfloat16,) * 8, is_pure=True, pack=1,
        )
    elif LOOKUP == 2:
        found = tl.inline_asm_elementwise(
            PAIRS, PAIRS_REGISTERS, [words, t[0]], dtype=(tl.bfloat16,) * 8, is_pure=True, pack=1
        )
    else:
        for weight in tl.static_range(8):
            codes = (words >> (4 * (weight ^ 1))) & 15
            found = found + (tl.reshape(tl.gather(t[0], tl.reshape(codes, [codes.numel]), 0), codes.shape),)
    return together(found, 8)


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
def call_into_cache(packed, first, outputs, block, ROWS: tl.constexpr, INPUTS: tl.constexpr, LINES: tl.constexpr):
    """Has the first LINES lines of 128 bytes (256 inputs) of each of a program's outputs brought into the L2."""
    row = tl.minimum(first + tl.arange(0, ROWS), outputs - 1).to(tl.int64)
    word = tl.minimum(block * 8 + tl.arange(0, LINES) * 32, INPUTS // 8 - 1)
    at = packed + row[:, None] * (INPUTS // 8) + word[None, :]
    tl.inline_asm_elementwise(
        "prefetch.global.L2 [$1]; mov.b32 $0, 0;", "=r,l", [at.to(tl.int64)], dtype=tl.int32, is_pure=False, pack=1
    )


@triton.jit
def loads_stay_here():
    tl.inline_asm_elementwise(
        "bar.warp.sync 0xffffffff; mov.b32 $0, 0;", "=r", [], dtype=tl.int32, is_pure=False, pack=1
    )


# ---------------------------------------------------------------------------------------------------------
# "lanes": as in the repository. Each warp's own 16 outputs and chunks, `x` from the first cache.


@triton.jit
def load_chunk(words_at, scales_at, chunk, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr):
    block = (tl.minimum(chunk, ACROSS // BLOCKS - 1) if RAGGED else chunk) * BLOCKS
    words = ()
    for each in tl.static_range(BLOCKS):
        skipped = ((block + each) * 8)[:, None]
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
def load_x(x_at, chunk, each: tl.constexpr, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr, OCTETS: tl.constexpr):
    block = (tl.minimum(chunk, ACROSS // BLOCKS - 1) if RAGGED else chunk) * BLOCKS
    first = ((block + each) * 64)[:, None]
    octets = ()
    for octet in tl.static_range(OCTETS):
        octets = octets + (tl.join(tl.load(x_at[octet] + first), tl.load(x_at[octet] + first + 8)),)
    return octets


@triton.jit
def load_xs(x_at, chunk, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr, OCTETS: tl.constexpr):
    xs = ()
    for each in tl.static_range(BLOCKS):
        xs = xs + (load_x(x_at, chunk, each, ACROSS, BLOCKS, RAGGED, OCTETS),)
    return xs


@triton.jit
def add_product(total, words, scales, xs, x_at, chunk, t, ACROSS: tl.constexpr, BLOCKS: tl.constexpr, RAGGED: tl.constexpr, EARLY: tl.constexpr, LOOKUP: tl.constexpr):
    WARPS: tl.constexpr = total.shape[0]
    OCTETS: tl.constexpr = total.shape[2]
    for each in tl.static_range(BLOCKS):
        octets = xs[each] if EARLY else load_x(x_at, chunk, each, ACROSS, BLOCKS, RAGGED, OCTETS)
        x = tl.reshape(together(octets, OCTETS), [WARPS, 8, 4, 2, 2, 2, 2, OCTETS])
        x = tl.reshape(tl.permute(x, [0, 6, 4, 2, 3, 5, 7, 1]), [WARPS, 64, 8 * OCTETS])
        weights = tl.reshape(look_up(words[each], t, LOOKUP), [WARPS, 8, 4, 2, 2, 2, 2, 2])
        weights = tl.reshape(tl.permute(weights, [0, 4, 1, 3, 6, 2, 5, 7]), [WARPS, 16, 64])
        product = tl.dot(weights, x, input_precision="ieee")
        factor = tl.permute(tl.reshape(scales[each], [WARPS, 8, 4, 2]), [0, 3, 1, 2])
        factor = tl.reshape(factor, [WARPS, 16, 1, 4, 1])
        total += tl.reshape(product, [WARPS, 16, OCTETS, 4, 2]) * factor
    return total


@triton.jit(do_not_specialize=["rows"])
def lanes(x, packed, scales, table, out, rows, outputs, INPUTS: tl.constexpr, OCTETS: tl.constexpr, GROUPS: tl.constexpr, PARTS: tl.constexpr, BLOCKS: tl.constexpr, SPLITS: tl.constexpr, EARLY: tl.constexpr, LOOKUP: tl.constexpr, LINES: tl.constexpr, PDL: tl.constexpr):
    """EARLY: a chunk's `x` is loaded all at once, 1: before the fence, 2: behind it, and before another one."""
    ACROSS: tl.constexpr = INPUTS // 64
    AT_ONCE: tl.constexpr = BLOCKS * PARTS * SPLITS
    STEPS: tl.constexpr = (ACROSS + AT_ONCE - 1) // AT_ONCE
    RAGGED: tl.constexpr = ACROSS % AT_ONCE != 0
    WARPS: tl.constexpr = GROUPS * PARTS
    thread = tl.arange(0, 32 * WARPS)
    warp, eighth, quarter = thread // 32, thread // 4 % 8, thread % 4
    output = (tl.program_id(0) * GROUPS + warp // PARTS) * 16 + eighth
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
    chunk = tl.program_id(1) * STEPS * PARTS + warp % PARTS
    words, scale = load_chunk(words_at, scales_at, chunk, ACROSS, BLOCKS, RAGGED)
    t = load_table(table, eighth, LOOKUP, WARPS)
    if LINES:
        call_into_cache(packed, tl.program_id(0) * GROUPS * 16, outputs, tl.program_id(1) * STEPS * PARTS * BLOCKS, GROUPS * 16, INPUTS, LINES)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([WARPS, 16, OCTETS, 4, 2], tl.float32)
    for step in tl.range(0, STEPS - 1, num_stages=1):
        here = chunk + step * PARTS
        xs = ()
        if EARLY == 1:
            xs = load_xs(x_at, here, ACROSS, BLOCKS, RAGGED, OCTETS)
        following = load_chunk(words_at, scales_at, here + PARTS, ACROSS, BLOCKS, RAGGED)
        if LOOKUP:
            loads_stay_here()
        if EARLY == 2:
            xs = load_xs(x_at, here, ACROSS, BLOCKS, RAGGED, OCTETS)
            if LOOKUP:
                loads_stay_here()
        total = add_product(total, words, scale, xs, x_at, here, t, ACROSS, BLOCKS, RAGGED, EARLY, LOOKUP)
        words, scale = following
    here = chunk + (STEPS - 1) * PARTS
    last = ()
    if EARLY:
        last = load_xs(x_at, here, ACROSS, BLOCKS, RAGGED, OCTETS)
    total = add_product(total, words, scale, last, x_at, here, t, ACROSS, BLOCKS, RAGGED, EARLY, LOOKUP)
    result = tl.sum(tl.reshape(total, [GROUPS, PARTS, 16, 8 * OCTETS]), 1)
    column = tl.program_id(0) * GROUPS * 16 + tl.arange(0, GROUPS * 16)[:, None]
    line = tl.arange(0, 8 * OCTETS)[None, :]
    result = tl.reshape(result, [GROUPS * 16, 8 * OCTETS]).to(out.dtype.element_ty)
    tl.store(out + (tl.program_id(1) * rows + line) * outputs + column, result, mask=(line < rows) & (column < outputs))


# ---------------------------------------------------------------------------------------------------------
# "tiled": a program's warps share `x`, which waits in shared memory, where Hopper's tensor cores read it
# themselves; the weights go from lane to tensor core as before. Words, scales and `x` are copied STAGES - 1
# steps ahead without passing through registers.


@triton.jit(do_not_specialize=["rows"])
def tiled(x, packed, scales, table, out, rows, outputs, INPUTS: tl.constexpr, ROWS: tl.constexpr, WARPS: tl.constexpr, BLOCKS: tl.constexpr, SPLITS: tl.constexpr, STAGES: tl.constexpr, LOOKUP: tl.constexpr, LINES: tl.constexpr, PDL: tl.constexpr):
    M: tl.constexpr = 16 * WARPS
    ACROSS: tl.constexpr = INPUTS // 64
    STEPS: tl.constexpr = (ACROSS + BLOCKS * SPLITS - 1) // (BLOCKS * SPLITS)
    RAGGED: tl.constexpr = ACROSS % (BLOCKS * SPLITS) != 0
    first = tl.program_id(0) * M
    thread = tl.arange(0, 32 * WARPS)
    warp, eighth, quarter = thread // 32, thread // 4 % 8, thread % 4
    output = first + warp * 16 + eighth
    low = tl.minimum(output, outputs - 1).to(tl.int64)[:, None]
    high = tl.minimum(output + 8, outputs - 1).to(tl.int64)[:, None]
    word = 2 * quarter[:, None] + tl.arange(0, 2)
    low_at, high_at = packed + low * (INPUTS // 8) + word, packed + high * (INPUTS // 8) + word
    scales_at = scales + tl.minimum(first + tl.arange(0, M), outputs - 1).to(tl.int64) * ACROSS
    # The order of a block's inputs in the product: (word, pair, half, quarter, one).
    k = tl.arange(0, 64)
    place = k // 2 % 4 * 16 + k // 32 * 8 + k // 8 % 2 * 4 + k // 16 % 2 * 2 + k % 2
    x_at = x + tl.minimum(tl.arange(0, ROWS), rows - 1)[None, :] * INPUTS + place[:, None]
    t = load_table(table, eighth, LOOKUP, WARPS)
    start = tl.program_id(1) * STEPS * BLOCKS
    if LINES:
        call_into_cache(packed, first, outputs, start, M, INPUTS, LINES)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    total = tl.zeros([M, ROWS], tl.float32)
    for step in tl.range(0, STEPS, num_stages=STAGES):
        for each in tl.static_range(BLOCKS):
            block = start + step * BLOCKS + each
            near = tl.minimum(block, ACROSS - 1) if RAGGED else block
            words = tl.join(tl.load(low_at + near * 8), tl.load(high_at + near * 8))
            if RAGGED:
                scale = tl.load(scales_at + block, mask=block < ACROSS, other=0.0)
            else:
                scale = tl.load(scales_at + block)
            inputs = tl.load(x_at + near * 64)
            weights = tl.reshape(look_up(words, t, LOOKUP), [WARPS, 8, 4, 2, 2, 2, 2, 2])
            weights = tl.reshape(tl.permute(weights, [0, 4, 1, 3, 6, 5, 2, 7]), [M, 64])
            total += tl.dot(weights, inputs, input_precision="ieee") * scale[:, None]
    column = first + tl.arange(0, M)[:, None]
    line = tl.arange(0, ROWS)[None, :]
    to = out + (tl.program_id(1) * rows + line) * outputs + column
    tl.store(to, total.to(out.dtype.element_ty), mask=(line < rows) & (column < outputs))


@triton.jit
def join_splits(parts, out, size, SPLITS: tl.constexpr, AT_ONCE: tl.constexpr, PDL: tl.constexpr):
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    place = tl.program_id(0) * AT_ONCE + tl.arange(0, AT_ONCE)
    total = tl.zeros([AT_ONCE], tl.float32)
    for split in tl.static_range(SPLITS):
        total += tl.load(parts + split * size + place, mask=place < size, other=0.0)
    tl.store(out + place, total.to(out.dtype.element_ty), mask=place < size)


# ---------------------------------------------------------------------------------------------------------

NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0]
HIDDEN, INTERMEDIATE = 4096, 11008
MLP = ((2 * INTERMEDIATE, HIDDEN), (HIDDEN, INTERMEDIATE))
MATRICES = (
    *(32 * ((3 * HIDDEN, HIDDEN), (HIDDEN, HIDDEN), *MLP)),
    *(8 * ((HIDDEN, HIDDEN), (HIDDEN, HIDDEN), *MLP)),
)
ODD = (1000, 4160)
ROWS = (1, 8, 16, 32, 64)
CHECKED = (1, 5, 8, 16, 20, 32, 33, 64)


def tables() -> torch.Tensor:
    """int32: 8 words (low bytes of codes 0-3, 4-7, 8-11, 12-15, then high bytes), each 8 times; then the 256
    pairs, the earlier weight's value in the lower half."""
    bits = [v & 0xFFFF for v in torch.tensor(NF4).bfloat16().view(torch.int16).tolist()]
    words = []
    for shift in (0, 8):
        part = [(b >> shift) & 255 for b in bits]
        for i in range(0, 16, 4):
            words += 8 * [int.from_bytes(bytes(part[i : i + 4]), "little")]
    words += [bits[byte >> 4] | bits[byte & 15] << 16 for byte in range(256)]
    return torch.tensor([word - 2**32 if word >= 2**31 else word for word in words], dtype=torch.int32)


def lane(groups, parts, blocks, programs=1, early=0, lookup=1, lines=0):
    return lanes, dict(GROUPS=groups, PARTS=parts, BLOCKS=blocks, EARLY=early, LOOKUP=lookup, LINES=lines), programs


def tile(warps, blocks, stages, programs, lookup=1, lines=0):
    return tiled, dict(WARPS=warps, BLOCKS=blocks, STAGES=stages, LOOKUP=lookup, LINES=lines), programs


# name: (fewest rows, most rows, variant). Those that the repository has are first; pairs, whose shared memory
# Triton does not know of, last: a kernel that fails on the device takes all after it along.
VARIANTS = {
    "lanes 1x4 c4": (1, 8, lane(1, 4, 4)),
    "lanes 4x2 c2 p264": (9, 32, lane(4, 2, 2, 264)),
    "lanes 2x4 c2": (9, 32, lane(2, 4, 2)),
    "lanes 4x1 c1 p264": (33, 64, lane(4, 1, 1, 264)),
    "lanes 2x4 c2 p264": (9, 32, lane(2, 4, 2, 264)),
    "lanes 2x4 c1 p264": (17, 64, lane(2, 4, 1, 264)),
    "lanes 1x4 c4 early1": (1, 8, lane(1, 4, 4, early=1)),
    "lanes 1x4 c4 early2": (1, 8, lane(1, 4, 4, early=2)),
    "lanes 1x4 c4 L16": (1, 8, lane(1, 4, 4, lines=16)),
    "lanes 1x4 c4 early2 L16": (1, 8, lane(1, 4, 4, early=2, lines=16)),
    "lanes 1x8 c2 early2 L16": (1, 8, lane(1, 8, 2, early=2, lines=16)),
    "lanes 2x4 c2 early2": (9, 32, lane(2, 4, 2, early=2)),
    "lanes 2x4 c2 L8": (9, 32, lane(2, 4, 2, lines=8)),
    "tiled 8 c2 s3 p132": (1, 64, tile(8, 2, 3, 132)),
    "tiled 8 c2 s3 p264": (1, 64, tile(8, 2, 3, 264)),
    "tiled 8 c2 s4 p264": (1, 32, tile(8, 2, 4, 264)),
    "tiled 8 c4 s2 p264": (1, 64, tile(8, 4, 2, 264)),
    "tiled 8 c1 s4 p264": (1, 64, tile(8, 1, 4, 264)),
    "tiled 4 c2 s3 p132": (1, 64, tile(4, 2, 3, 132)),
    "tiled 4 c2 s3 p264": (1, 64, tile(4, 2, 3, 264)),
    "tiled 4 c2 s3 p528": (1, 64, tile(4, 2, 3, 528)),
    "tiled 4 c4 s2 p264": (1, 64, tile(4, 4, 2, 264)),
    "tiled 4 c4 s3 p264": (1, 32, tile(4, 4, 3, 264)),
    "tiled 4 c2 s3 p264 L4": (1, 64, tile(4, 2, 3, 264, lines=4)),
    "tiled 8 c2 s3 p132 L4": (1, 64, tile(8, 2, 3, 132, lines=4)),
    "lanes 1x4 c4 pairs": (1, 8, lane(1, 4, 4, lookup=2)),
    "lanes 1x4 c4 early1 pairs": (1, 8, lane(1, 4, 4, early=1, lookup=2)),
    "lanes 1x8 c2 early1 pairs": (1, 8, lane(1, 8, 2, early=1, lookup=2)),
    "lanes 1x8 c4 early1 pairs": (1, 8, lane(1, 8, 4, early=1, lookup=2)),
    "lanes 2x4 c4 early1 pairs": (1, 8, lane(2, 4, 4, early=1, lookup=2)),
    "lanes 1x4 c4 early1 pairs L16": (1, 8, lane(1, 4, 4, early=1, lookup=2, lines=16)),
    "lanes 2x4 c2 early1 pairs": (9, 32, lane(2, 4, 2, early=1, lookup=2)),
    "tiled 8 c2 s3 p264 pairs": (1, 64, tile(8, 2, 3, 264, lookup=2)),
    "tiled 8 c2 s3 p132 pairs": (1, 64, tile(8, 2, 3, 132, lookup=2)),
    "tiled 8 c4 s2 p132 pairs": (1, 32, tile(8, 4, 2, 132, lookup=2)),
    "tiled 4 c4 s2 p264 pairs": (1, 64, tile(4, 4, 2, 264, lookup=2)),
    "tiled 8 c2 s3 p132 pairs L4": (1, 64, tile(8, 2, 3, 132, lookup=2, lines=4)),
}


def plan(rows, outputs, inputs, variant, pdl):
    """(kernel, grid, constants and options of the launch)"""
    kernel, constants, wanted = variant
    constants = dict(constants)
    padded = max(8, triton.next_power_of_2(rows))
    blocks = constants["BLOCKS"]
    while inputs // 64 % blocks:
        blocks //= 2
    constants["BLOCKS"] = blocks
    if kernel is lanes:
        of_program, at_once = 16 * constants["GROUPS"], blocks * constants["PARTS"]
        warps = constants["GROUPS"] * constants["PARTS"]
        constants["OCTETS"] = padded // 8
    else:
        of_program, at_once, warps = 16 * constants["WARPS"], blocks, constants["WARPS"]
        constants["ROWS"] = max(16, padded)
    programs = triton.cdiv(outputs, of_program)
    splits = 1
    while 2 * splits * programs <= wanted and 4 * splits <= inputs // 64 // at_once:
        splits *= 2
    options = dict(INPUTS=inputs, SPLITS=splits, **constants, PDL=pdl, num_warps=warps)
    if pdl:
        options["launch_pdl"] = True
    return kernel, (programs, splits), options


_ALLOWED = set()


def linear(x, packed, scales, table, out, variant, pdl):
    rows, inputs = x.shape
    outputs = out.shape[1]
    kernel, grid, options = plan(rows, outputs, inputs, variant, pdl)
    splits = grid[1]
    parts = out if splits == 1 else torch.empty((splits, rows, outputs), dtype=torch.float32, device=x.device)
    operands = (x, packed, scales, table, parts, rows, outputs)
    if options["LOOKUP"] == 2:
        key = (kernel.fn.__name__, tuple(options.items()), outputs % 16, splits > 1)
        if key not in _ALLOWED:
            # Triton asks for more than 48 KB only for what it knows of, which the pairs are not.
            compiled = kernel.warmup(*operands, grid=grid, **options)
            compiled._init_handles()
            status = ctypes.CDLL("libcuda.so.1").cuFuncSetAttribute(
                ctypes.c_void_p(compiled.function), 8, ctypes.c_int(compiled.metadata.shared)
            )
            if status:
                raise RuntimeError(f"cuFuncSetAttribute: {status}, shared {compiled.metadata.shared}")
            _ALLOWED.add(key)
    kernel[grid](*operands, **options)
    if splits > 1:
        extra = {"launch_pdl": True} if pdl else {}
        join_splits[(triton.cdiv(out.numel(), 1024),)](
            parts, out, out.numel(), SPLITS=splits, AT_ONCE=1024, PDL=pdl, num_warps=4, **extra
        )


def compile_one(job) -> str:
    name, options, kind = job
    kernel = {"lanes": lanes, "tiled": tiled}[name]
    try:
        kernel.warmup(
            torch.bfloat16, torch.int32, torch.float32, torch.int32, torch.float32 if kind else torch.bfloat16, 2, 64,
            grid=(1,), **dict(options),
        )
    except Exception as problem:
        return f"{name}, {options}: {type(problem).__name__}: {str(problem)[:300]}"
    return ""


def jobs(names, pdls=(True,)):
    found = {}
    for name in names:
        fewest, most, variant = VARIANTS[name]
        for rows in ROWS:
            if fewest <= rows <= most:
                for outputs, inputs in {*MATRICES, ODD}:
                    for pdl in pdls:
                        kernel, grid, options = plan(rows, outputs, inputs, variant, pdl)
                        found[kernel.fn.__name__, tuple(options.items()), grid[1] > 1] = None
    return list(found)


def compile_all(names) -> None:
    """In processes side by side; they leave the kernels in Triton's cache."""
    wanted = jobs(names)
    with multiprocessing.get_context("spawn").Pool(14) as pool:
        for problem in pool.imap_unordered(compile_one, wanted, chunksize=4):
            if problem:
                print("not compiled:", problem, flush=True)
    print(f"{len(wanted)} kernels compiled")


class Check:
    """The largest error of a variant, in spreads of the right result; below 0.03 expected."""

    def __init__(self, device, shapes) -> None:
        self.device = device
        values = torch.tensor(NF4, device=device)
        self.cases = []
        for outputs, inputs in shapes:
            packed = torch.randint(256, (outputs, inputs // 2), dtype=torch.uint8, device=device)
            scales = torch.rand((outputs, inputs // 64), device=device)
            codes = torch.stack((packed >> 4, packed & 15), -1).view(outputs, inputs).long()
            weight = values[codes] * scales.repeat_interleave(64, 1)
            x = torch.randn((64, inputs), device=device)
            if device.type == "cuda":
                x = x.bfloat16()
            self.cases.append((packed.view(torch.int32), scales, x, x.float() @ weight.T))
            del codes, weight

    def __call__(self, name, multiply, table) -> float:
        fewest, most, variant = VARIANTS[name]
        worst = 0.0
        for packed, scales, x, expected in self.cases:
            for rows in CHECKED:
                if fewest <= rows <= most:
                    out = torch.full((rows, len(packed)), float("nan"), device=self.device, dtype=x.dtype)
                    multiply(x[:rows], packed, scales, table, out, variant, self.device.type == "cuda")
                    error = ((out.float() - expected[:rows]).abs().max() / expected.std()).item()
                    worst = max(worst, error if error == error else float("inf"))
        return worst


def timed(call, replays) -> float:
    with torch.inference_mode():
        call()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        graph.replay()
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(replays):
            graph.replay()
        torch.cuda.synchronize()
        return (time.perf_counter() - started) / replays


def repository():
    """The repository's own kernel behind the interface of `linear`, or None."""
    try:
        from inference.kernels.nf4 import nf4_linear
        from inference.kernels.nf4_weight import Nf4Weight
    except Exception as problem:
        print(f"without the repository: {problem!r}")
        return None

    def multiply(x, packed, scales, table, out, variant, pdl):
        nf4_linear(x, Nf4Weight(packed.view(torch.uint8), scales), out)

    return multiply


def main() -> None:
    device = torch.device("cuda")
    begun = time.perf_counter()
    torch.manual_seed(0)
    a, b = (torch.empty(2 << 30, dtype=torch.uint8, device=device) for _ in range(2))
    bandwidth = 2 * (2 << 30) / timed(lambda: b.copy_(a), 10)
    del a, b
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}, copy {bandwidth / 1e9:.0f} GB/s")
    words = [word for word in sys.argv[1:] if word != "check"]
    names = [name for name in VARIANTS if all(word in name for word in words)]
    try:
        compile_all(names)
    except Exception as problem:  # Then each is compiled when it is first used.
        print(f"not compiled ahead: {problem!r}")
    print(f"compiled after {time.perf_counter() - begun:.0f} s", flush=True)
    check = Check(device, ((12288, 4096), (4096, 4096), (22016, 4096), (4096, 11008), ODD))
    table = tables().to(device)
    weights = [
        (
            torch.randint(256, (outputs, inputs // 2), dtype=torch.uint8, device=device).view(torch.int32),
            torch.rand((outputs, inputs // 64), device=device) / inputs**0.5,
        )
        for outputs, inputs in MATRICES
    ]
    read = sum(p.nbytes + s.nbytes for p, s in weights)
    print(f"{read / 1e9:.2f} GB, at the copy bandwidth {1e3 * read / bandwidth:.2f} ms; ms for all matrices")
    print(f"{'rows':<32}" + "".join(f"{rows:>8}" for rows in ROWS) + "   largest error", flush=True)
    best: dict[int, tuple[float, str]] = {}
    own = repository()
    if own is not None:
        VARIANTS["repository"] = (1, 64, None)
        names = ["repository", *names]
    for name in names:
        fewest, most, variant = VARIANTS[name]
        multiply = own if name == "repository" else linear
        line = f"{name:<32}"
        try:
            error = check(name, multiply, table)
            for rows in ROWS:
                if not fewest <= rows <= most or sys.argv[1:] == ["check"]:
                    line += f"{'-':>8}"
                    continue
                vectors = {n: torch.randn((rows, n), dtype=torch.bfloat16, device=device) for n in (HIDDEN, INTERMEDIATE)}
                outs = {o: torch.empty((rows, o), dtype=torch.bfloat16, device=device) for o, _ in MATRICES}

                def call(vectors=vectors, outs=outs, variant=variant, multiply=multiply) -> None:
                    for (packed, scales), (outputs, inputs) in zip(weights, MATRICES):
                        multiply(vectors[inputs], packed, scales, table, outs[outputs], variant, True)

                took = 1e3 * timed(call, 8)
                line += f"{took:>8.2f}"
                if error < 0.03:
                    best[rows] = min(best.get(rows, (9e9, "")), (took, name))
            line += f"   {error:.4f}" + ("" if error < 0.03 else " WRONG")
        except Exception as problem:
            line += f" {type(problem).__name__}: {str(problem)[:200]}"
        print(line, flush=True)
    for rows, (took, name) in sorted(best.items()):
        print(f"best at {rows:>2} rows: {took:.2f} ms, {name}")
    print(f"{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
