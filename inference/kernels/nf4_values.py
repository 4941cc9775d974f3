"""The values that NF4's codes stand for, eight at a time, as the kernels look them up.

A weight that takes more than three or four instructions to unpack costs more time than to read. So the table
of 16 numbers of 16 bits lies in eight registers, four of the numbers' lower bytes and four of the upper ones,
and `prmt`, which gathers four bytes out of eight by four-bit selectors, takes the codes for selectors just as
they lie in memory: four codes at once, of which the fourth bit only chooses between two such results.
"""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# mypy: disable-error-code=assignment
# ruff: noqa: N803, RUF005 (Triton adds tuples, but does not unpack them)

from __future__ import annotations

from functools import cache

import torch
import triton
import triton.language as tl
from bitsandbytes.functional import get_4bit_type

# $0 to $7: the values, in the order of the weights; $8: the word; $9 to $12: the lower bytes of the values of
# codes 0-3, 4-7, 8-11 and 12-15; $13 to $16: their upper bytes. A byte holds the earlier weight in its upper
# four bits, so code 1 comes before code 0.
_LOOK_UP = tl.constexpr("""{
    .reg .b32 codes, shifted, upper, first, second, low, high, pair;
    and.b32 codes, $8, 0x77777777;
    shl.b32 shifted, $8, 4;
    // For each of codes 0 to 3 a byte of ones where its fourth bit is set: selectors from 8 on copy signs.
    prmt.b32 upper, shifted, $8, 0xd9c8;
    prmt.b32 first, $9, $10, codes;
    prmt.b32 second, $11, $12, codes;
    lop3.b32 low, upper, second, first, 0xca;
    prmt.b32 first, $13, $14, codes;
    prmt.b32 second, $15, $16, codes;
    lop3.b32 high, upper, second, first, 0xca;
    prmt.b32 pair, low, high, 0x4051;
    mov.b32 {$0, $1}, pair;
    prmt.b32 pair, low, high, 0x6273;
    mov.b32 {$2, $3}, pair;
    // The same with codes 4 to 7.
    shr.u32 codes, codes, 16;
    prmt.b32 upper, shifted, $8, 0xfbea;
    prmt.b32 first, $9, $10, codes;
    prmt.b32 second, $11, $12, codes;
    lop3.b32 low, upper, second, first, 0xca;
    prmt.b32 first, $13, $14, codes;
    prmt.b32 second, $15, $16, codes;
    lop3.b32 high, upper, second, first, 0xca;
    prmt.b32 pair, low, high, 0x4051;
    mov.b32 {$4, $5}, pair;
    prmt.b32 pair, low, high, 0x6273;
    mov.b32 {$6, $7}, pair;
}""")
_REGISTERS = tl.constexpr(",".join(["=h"] * 8 + ["r"] * 9))
_COPIES = 8


@cache
def table(dtype: torch.dtype, device: torch.device, *, assembled: bool) -> torch.Tensor:
    """What `load_table` reads: the 16 values in float32, or, assembled, rounded to a type of 16 bits.

    Assembled it is int32, (8, 8): the words of which `_LOOK_UP` tells, each of them eight times.
    """
    values: torch.Tensor = get_4bit_type("nf4", device="cpu")
    if not assembled:
        return values.float().to(device)
    lower_and_upper = values.to(dtype).view(torch.uint8).view(16, 2).T.contiguous()
    return lower_and_upper.view(torch.int32).view(8, 1).repeat(1, _COPIES).to(device)


@triton.jit
def load_table(at, eighth, ASSEMBLED: tl.constexpr):
    """The table, to be loaded once and handed to `look_up`. `eighth`: (threads,), 0 to 7."""
    loaded = ()
    if ASSEMBLED:
        for word in tl.static_range(8):
            # Not one place for all lanes of a warp: what it holds would go to registers that `prmt` cannot
            # read, and be moved from there for each use.
            loaded = loaded + (tl.load(at + word * 8 + eighth)[:, None, None],)
    else:
        loaded = (tl.load(at + tl.arange(0, 16)),)
    return loaded


@triton.jit
def look_up(words, values, KIND: tl.constexpr, ASSEMBLED: tl.constexpr):
    """The eight values of each word in the order of the weights: eight tensors of the shape of `words`.

    `words`: int32, (threads, x, y).
    """
    found = ()
    if ASSEMBLED:
        bits = tl.inline_asm_elementwise(
            _LOOK_UP,
            _REGISTERS,
            [words, values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]],
            dtype=(tl.int16,) * 8,
            is_pure=True,
            pack=1,
        )
        for weight in tl.static_range(8):
            found = found + (bits[weight].to(KIND, bitcast=True),)
    else:
        for weight in tl.static_range(8):
            codes = (words >> (4 * (weight ^ 1))) & 15
            value = tl.gather(values[0], tl.reshape(codes, [codes.numel]), 0)
            found = found + (tl.reshape(value, codes.shape).to(KIND),)
    return found
