"""Attention of one new token per row to a KV cache in pages, reading only the tokens that are there.

Flash-decoding: the tokens of a long row are split among several programs, so that a few rows fill the device
too, and a second kernel joins their results. The number of programs depends on shapes alone, never on
lengths, which makes both kernels fit for a CUDA graph; a row too short to be split is done by its first
program alone.
"""

# Kernels have no types, and their constants are upper case, as in Triton's own.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# ruff: noqa: N803

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.launching import on_its_device, overlapping
from inference.kernels.limits import PAGE_SIZE

# Tokens that a program takes at a time, the tiles on their way and worked on, and warps.
_TILE = 16
_STAGES = 3
_WARPS = 1
# Programs that even out unequal lengths on 132 multiprocessors, and the least that is worth one.
_PROGRAMS = 2048
_TOKENS_WORTH_A_SPLIT = 64
_MOST_SPLITS = 32
# Below any score, and finite: the difference of two of them is not NaN.
_NOTHING = tl.constexpr(-1e30)


@on_its_device
def paged_decode_attention(
    query: torch.Tensor,
    key_pages: torch.Tensor,
    value_pages: torch.Tensor,
    block_table: torch.Tensor,
    lengths: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """Writes softmax(q·K / sqrt(head_dim))·V to `out`, for one query per row and head.

    `query` and `out`: (rows, heads, head_dim), the heads of a row side by side; `key_pages` and
    `value_pages`: (pages, `PAGE_SIZE`, heads, head_dim), contiguous; `block_table`: int32, (rows, most pages
    of a row), the row's pages in order; `lengths`: int32, (rows,), the tokens of each row, the new one
    included. The last two may be columns of a wider tensor. A row of length 0 is unused: its `out` is 0.
    What the table holds past a row's last page is not read. Sums are float32, whatever the types of the
    tensors.

    Nothing is checked on the device: a length must not pass the table's width, nor a page the cache.
    """
    rows, heads, head_dim = query.shape
    assert key_pages.shape == value_pages.shape == (key_pages.shape[0], PAGE_SIZE, heads, head_dim)
    assert key_pages.is_contiguous()
    assert value_pages.is_contiguous()
    assert block_table.stride(1) == 1
    assert block_table.dtype == lengths.dtype == torch.int32
    assert out.shape == query.shape
    assert query.stride()[1:] == out.stride()[1:] == (head_dim, 1)
    splits = _splits(rows * heads, block_table.shape[1] * PAGE_SIZE)
    # With one split the first kernel writes the result itself.
    sums = torch.empty((rows, heads, splits, head_dim), dtype=torch.float32, device=query.device)
    weights = torch.empty((rows, heads, splits), dtype=torch.float32, device=query.device)
    shapes = {
        "HEADS": heads,
        "HEAD_DIM": head_dim,
        "HEAD_DIM_PADDED": triton.next_power_of_2(head_dim),
        "SPLITS": splits,
        "LEAST": _TOKENS_WORTH_A_SPLIT,
        **overlapping(query),
    }
    _attend_split[(heads, splits, rows)](
        query,
        key_pages,
        value_pages,
        block_table,
        lengths,
        sums,
        weights,
        out,
        query.stride(0),
        block_table.stride(0),
        lengths.stride(0),
        out.stride(0),
        # The softmax is taken to base 2, the base that the device has.
        math.log2(math.e) / math.sqrt(head_dim),
        PAGE_SIZE=PAGE_SIZE,
        TILE=_TILE,
        STAGES=_STAGES,
        num_warps=_WARPS,
        **shapes,
    )
    if splits > 1:
        _join_splits[(heads, rows)](
            sums, weights, lengths, out, lengths.stride(0), out.stride(0), num_warps=1, **shapes
        )


def _splits(sequences: int, most_tokens: int) -> int:
    """Parts of a row's tokens; a power of two."""
    most = min(triton.cdiv(most_tokens, _TOKENS_WORTH_A_SPLIT), _MOST_SPLITS)
    wanted = min(triton.cdiv(_PROGRAMS, sequences), most)
    return int(triton.next_power_of_2(wanted))


@triton.jit
def _tokens_of_a_split(length, SPLITS: tl.constexpr, LEAST: tl.constexpr):
    """The last splits of a short row get nothing."""
    return tl.cdiv(tl.cdiv(length, LEAST), SPLITS) * LEAST


@triton.jit
def _attend_split(
    query,
    key_pages,
    value_pages,
    block_table,
    lengths,
    sums,
    weights,
    out,
    query_stride,
    table_stride,
    length_stride,
    out_stride,
    scale,
    HEADS: tl.constexpr,
    HEAD_DIM: tl.constexpr,
    HEAD_DIM_PADDED: tl.constexpr,
    SPLITS: tl.constexpr,
    LEAST: tl.constexpr,
    PAGE_SIZE: tl.constexpr,
    TILE: tl.constexpr,
    STAGES: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program per head, split and row; programs of neighbouring heads read neighbouring memory."""
    head = tl.program_id(0)
    split = tl.program_id(1)
    row = tl.program_id(2).to(tl.int64)
    dim = tl.arange(0, HEAD_DIM_PADDED)
    in_head = dim < HEAD_DIM
    target = out + row * out_stride + head * HEAD_DIM + dim
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    length = tl.load(lengths + row * length_stride)
    if length == 0:
        if split == 0:
            tl.store(target, tl.zeros([HEAD_DIM_PADDED], out.dtype.element_ty), mask=in_head)
        return
    tokens = _tokens_of_a_split(length, SPLITS, LEAST)
    start = split * tokens
    if start >= length:
        return
    end = tl.minimum(start + tokens, length)

    q = tl.load(query + row * query_stride + head * HEAD_DIM + dim, mask=in_head, other=0.0)
    q = q.to(tl.float32) * scale

    # Each place of the tile has a softmax of its own, over every `TILE`th token: in the loop no thread waits
    # for one that has another token. They are joined after it.
    top = tl.full([TILE], _NOTHING, tl.float32)
    weight = tl.zeros([TILE], tl.float32)
    total = tl.zeros([TILE, HEAD_DIM_PADDED], tl.float32)
    for first in tl.range(start, end, TILE, num_stages=STAGES):
        token = first + tl.arange(0, TILE)
        there = token < end
        # Past the end the last token is read again, so that no load needs a mask for it.
        token = tl.minimum(token, end - 1)
        page = tl.load(block_table + row * table_stride + token // PAGE_SIZE)
        # 64 bits: a cache has more than 2³¹ elements.
        place = (page.to(tl.int64) * PAGE_SIZE + token % PAGE_SIZE) * (HEADS * HEAD_DIM) + head * HEAD_DIM
        offsets = place[:, None] + dim[None, :]
        k = tl.load(key_pages + offsets, mask=in_head[None, :], other=0.0)
        v = tl.load(value_pages + offsets, mask=in_head[None, :], other=0.0)
        score = tl.where(there, tl.sum(q[None, :] * k.to(tl.float32), 1), _NOTHING)
        higher = tl.maximum(top, score)
        kept = tl.exp2(top - higher)
        added = tl.where(there, tl.exp2(score - higher), 0.0)
        weight = weight * kept + added
        total = total * kept[:, None] + added[:, None] * v.to(tl.float32)
        top = higher

    highest = tl.max(top, 0)
    share = tl.exp2(top - highest)
    weight_of_split = tl.sum(weight * share, 0)
    total_of_split = tl.sum(total * share[:, None], 0) / weight_of_split
    if tokens >= length:
        tl.store(target, total_of_split.to(out.dtype.element_ty), mask=in_head)
        return
    place = (row * HEADS + head) * SPLITS + split
    tl.store(sums + place * HEAD_DIM + dim, total_of_split, mask=in_head)
    tl.store(weights + place, highest + tl.log2(weight_of_split))


@triton.jit
def _join_splits(
    sums,
    weights,
    lengths,
    out,
    length_stride,
    out_stride,
    HEADS: tl.constexpr,
    HEAD_DIM: tl.constexpr,
    HEAD_DIM_PADDED: tl.constexpr,
    SPLITS: tl.constexpr,
    LEAST: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program per head and row: the splits' results, each by its share of the softmax."""
    head = tl.program_id(0)
    row = tl.program_id(1).to(tl.int64)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    length = tl.load(lengths + row * length_stride)
    tokens = _tokens_of_a_split(length, SPLITS, LEAST)
    if tokens >= length:
        return
    split = tl.arange(0, SPLITS)
    used = split * tokens < length
    dim = tl.arange(0, HEAD_DIM_PADDED)
    in_head = dim < HEAD_DIM
    place = (row * HEADS + head) * SPLITS + split
    weight = tl.load(weights + place, mask=used, other=_NOTHING)
    share = tl.where(used, tl.exp2(weight - tl.max(weight, 0)), 0.0)
    total = tl.load(
        sums + place[:, None] * HEAD_DIM + dim[None, :], mask=used[:, None] & in_head[None, :], other=0.0
    )
    joined = tl.sum(share[:, None] * total, 0) / tl.sum(share, 0)
    tl.store(out + row * out_stride + head * HEAD_DIM + dim, joined.to(out.dtype.element_ty), mask=in_head)
