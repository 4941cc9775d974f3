"""Attention of several new tokens of each sequence to keys and values in pages.

Queries are packed, with no padding between sequences. The host cuts them into tiles of up to
`QUERIES_OF_A_TILE` tokens that look at the same pages; the number of tiles alone decides what is started, so
that a pass over them can be recorded.
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
from inference.kernels.limits import PAGE_SIZE, QUERIES_OF_A_TILE

_KEYS = 64
_WARPS = 8
_STAGES = 2
# Below any score, and finite: the difference of two of them is not NaN.
_NOTHING = tl.constexpr(-1e30)


@on_its_device
def paged_prefill_attention(
    queries: torch.Tensor,
    key_pages: torch.Tensor,
    value_pages: torch.Tensor,
    table: torch.Tensor,
    tiles: torch.Tensor,
    out: torch.Tensor,
    *,
    causal: bool,
) -> None:
    """Writes softmax(q·K / sqrt(head_dim))·V to `out`, for each query that a tile holds.

    Args:
        queries: (tokens, heads, head_dim), contiguous, like `out`.
        key_pages: (pages, `PAGE_SIZE`, heads, head_dim), contiguous, like `value_pages`.
        table: int32 (sequences, most pages of one), the pages in order.
        tiles: int32 (tiles, 4), contiguous: first query, number of queries, row of the table, keys. Of keys
            each query sees so many, or with `causal` so many before itself, and itself. A tile whose
            queries see nothing has 0 keys (not `causal`), and its results are 0; one without queries does
            nothing.
    """
    _, heads, head_dim = queries.shape
    assert key_pages.shape == value_pages.shape == (key_pages.shape[0], PAGE_SIZE, heads, head_dim)
    assert queries.is_contiguous()
    assert out.is_contiguous()
    assert key_pages.is_contiguous()
    assert value_pages.is_contiguous()
    assert tiles.is_contiguous()
    assert table.stride(1) == 1
    assert table.dtype == tiles.dtype == torch.int32
    _attend_tile[(heads, len(tiles))](
        queries,
        key_pages,
        value_pages,
        table,
        tiles,
        out,
        table.stride(0),
        # The softmax is taken to base 2, the base that the device has.
        math.log2(math.e) / math.sqrt(head_dim),
        HEADS=heads,
        HEAD_DIM=head_dim,
        HEAD_DIM_PADDED=max(16, triton.next_power_of_2(head_dim)),
        PAGE_SIZE=PAGE_SIZE,
        QUERIES=QUERIES_OF_A_TILE,
        KEYS=_KEYS * 2 // max(2, queries.element_size()),
        STAGES=_STAGES,
        CAUSAL=causal,
        num_warps=_WARPS,
        **overlapping(queries),
    )


@triton.jit(do_not_specialize=["table_stride"])
def _attend_tile(
    queries,
    key_pages,
    value_pages,
    table,
    tiles,
    out,
    table_stride,
    scale,
    HEADS: tl.constexpr,
    HEAD_DIM: tl.constexpr,
    HEAD_DIM_PADDED: tl.constexpr,
    PAGE_SIZE: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    STAGES: tl.constexpr,
    CAUSAL: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program per head and tile; programs of neighbouring heads read neighbouring memory."""
    head = tl.program_id(0)
    tile = tiles + tl.program_id(1) * 4
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    first = tl.load(tile).to(tl.int64)
    count = tl.load(tile + 1)
    if count == 0:
        return
    row = tl.load(tile + 2)
    before = tl.load(tile + 3)

    query = tl.arange(0, QUERIES)
    dim = tl.arange(0, HEAD_DIM_PADDED)
    in_head = dim < HEAD_DIM
    places = (first + query)[:, None] * (HEADS * HEAD_DIM) + head * HEAD_DIM + dim[None, :]
    inside = (query < count)[:, None] & in_head[None, :]
    q = tl.load(queries + places, mask=inside, other=0.0)
    seen = tl.zeros([QUERIES], tl.int32) + before
    end = before
    if CAUSAL:
        seen = seen + query + 1
        end = before + count

    top = tl.full([QUERIES], _NOTHING, tl.float32)
    weight = tl.zeros([QUERIES], tl.float32)
    total = tl.zeros([QUERIES, HEAD_DIM_PADDED], tl.float32)
    for start in tl.range(0, end, KEYS, num_stages=STAGES):
        key = start + tl.arange(0, KEYS)
        # Past the end the last key is read again, so that nothing that was never written is.
        near = tl.minimum(key, end - 1)
        page = tl.load(table + row * table_stride + near // PAGE_SIZE)
        # 64 bits: a cache has more than 2³¹ elements.
        place = (page.to(tl.int64) * PAGE_SIZE + near % PAGE_SIZE) * (HEADS * HEAD_DIM) + head * HEAD_DIM
        offsets = place[:, None] + dim[None, :]
        k = tl.load(key_pages + offsets, mask=in_head[None, :], other=0.0)
        score = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        score = tl.where(key[None, :] < seen[:, None], score, _NOTHING)
        higher = tl.maximum(top, tl.max(score, 1))
        kept = tl.exp2(top - higher)
        share = tl.where(key[None, :] < seen[:, None], tl.exp2(score - higher[:, None]), 0.0)
        weight = weight * kept + tl.sum(share, 1)
        v = tl.load(value_pages + offsets, mask=in_head[None, :], other=0.0)
        total = tl.dot(share.to(v.dtype), v, total * kept[:, None], input_precision="ieee")
        top = higher
    # Only where there were no keys is the weight below that of the highest score, 1.
    result = total / tl.maximum(weight, 1.0)[:, None]
    tl.store(out + places, result.to(out.dtype.element_ty), mask=inside)
