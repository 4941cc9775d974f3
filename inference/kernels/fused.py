"""What lies between the products of a decode step, each in one kernel instead of three to eight.

In a CUDA graph such a kernel costs its start, a microsecond or two, however little it does: with 40 blocks
there is one millisecond to be had of five.
"""

# Triton would look up what an annotation of a kernel names.
# mypy: disallow-untyped-decorators=False, disallow-untyped-defs=False, disallow-incomplete-defs=False

from __future__ import annotations

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.launching import on_its_device, overlapping

_AT_ONCE = 1024


@on_its_device
def rms_norm(
    x: torch.Tensor,
    weight: torch.Tensor,
    epsilon: float,
    *,
    added: torch.Tensor | None = None,
    gate: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum `x` + `gate` * `added`, and that over its root mean square, times `weight`.

    Args:
        x: (rows, width), contiguous; `added` the same.
        weight: (width).
        added: nothing is added without it.
        gate: (width) or (1); 1 without it.
    """
    rows, width = x.shape
    assert x.is_contiguous() and (added is None or added.is_contiguous())  # noqa: PT018
    normed = torch.empty_like(x)
    total = x if added is None else torch.empty_like(x)
    _rms_norm[(rows,)](
        x,
        x if added is None else added,
        x if gate is None else gate,
        weight,
        total,
        normed,
        width,
        epsilon,
        ADDS=added is not None,
        GATES=gate is not None,
        ONE_GATE=gate is not None and gate.numel() == 1,
        WIDTH=triton.next_power_of_2(width),
        num_warps=8,
        **overlapping(x),
    )
    return total, normed


@on_its_device
def silu_product(gate_up: torch.Tensor) -> torch.Tensor:
    """silu(gate) * up, (rows, width), of `gate_up`: (rows, 2 * width), contiguous, the gate first."""
    rows, both = gate_up.shape
    assert gate_up.is_contiguous()
    out = gate_up.new_empty(rows, both // 2)
    grid = (rows, triton.cdiv(both // 2, _AT_ONCE))
    _silu_product[grid](gate_up, out, both // 2, AT_ONCE=_AT_ONCE, num_warps=4, **overlapping(gate_up))
    return out


@on_its_device
def rotate_and_store(
    qkv: torch.Tensor,
    rotation: torch.Tensor,
    slots: torch.Tensor,
    key_pages: torch.Tensor,
    value_pages: torch.Tensor,
) -> torch.Tensor:
    """Turns queries and keys by their positions, stores keys and values in pages, returns the queries.

    Args:
        qkv: (rows, 3, heads, head dimension), contiguous.
        rotation: (rows, 2, head dimension), contiguous, cosines and sines.
        slots: int32 or int64 (rows): page * page size + place in the page.
        key_pages: (pages, page size, heads, head dimension), contiguous; `value_pages` the same.
    """
    rows, _, heads, head_dim = qkv.shape
    assert qkv.is_contiguous() and rotation.is_contiguous()  # noqa: PT018
    queries = qkv.new_empty(rows, heads, head_dim)
    _rotate_and_store[(rows, heads)](
        qkv,
        rotation,
        slots,
        key_pages,
        value_pages,
        queries,
        HEADS=heads,
        HEAD_DIM=head_dim,
        HALF=triton.next_power_of_2(head_dim // 2),
        num_warps=1,
        **overlapping(qkv),
    )
    return queries


@triton.jit
def _rms_norm(
    x,
    added,
    gate,
    weight,
    total,
    normed,
    width,
    epsilon,
    ADDS: tl.constexpr,  # noqa: N803
    GATES: tl.constexpr,  # noqa: N803
    ONE_GATE: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
    PDL: tl.constexpr,  # noqa: N803
):
    """One program per row."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, WIDTH)
    inside = column < width
    factor = tl.load(weight + column, mask=inside, other=0.0)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    values = tl.load(x + row * width + column, mask=inside, other=0.0)
    kind = values.dtype
    if ADDS:
        more = tl.load(added + row * width + column, mask=inside, other=0.0)
        if ONE_GATE:
            more = (more.to(tl.float32) * tl.load(gate).to(tl.float32)).to(kind)
        elif GATES:
            gates = tl.load(gate + column, mask=inside, other=0.0)
            more = (more.to(tl.float32) * gates.to(tl.float32)).to(kind)
        values = (values.to(tl.float32) + more.to(tl.float32)).to(kind)
        tl.store(total + row * width + column, values, mask=inside)
    exact = values.to(tl.float32)
    mean = tl.sum(exact * exact, axis=0) / width
    scaled = (exact * (1.0 / tl.sqrt(mean + epsilon))).to(kind)
    result = (scaled.to(tl.float32) * factor.to(tl.float32)).to(kind)
    tl.store(normed + row * width + column, result, mask=inside)


@triton.jit
def _silu_product(gate_up, out, width, AT_ONCE: tl.constexpr, PDL: tl.constexpr):  # noqa: N803
    """One program per row and piece of it."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * AT_ONCE + tl.arange(0, AT_ONCE)
    inside = column < width
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    gate = tl.load(gate_up + row * 2 * width + column, mask=inside, other=0.0)
    up = tl.load(gate_up + row * 2 * width + width + column, mask=inside, other=0.0)
    exact = gate.to(tl.float32)
    activated = (exact / (1.0 + tl.exp(-exact))).to(gate.dtype)
    product = (activated.to(tl.float32) * up.to(tl.float32)).to(gate.dtype)
    tl.store(out + row * width + column, product, mask=inside)


@triton.jit
def _rotate_and_store(
    qkv,
    rotation,
    slots,
    key_pages,
    value_pages,
    queries,
    HEADS: tl.constexpr,  # noqa: N803
    HEAD_DIM: tl.constexpr,  # noqa: N803
    HALF: tl.constexpr,  # noqa: N803
    PDL: tl.constexpr,  # noqa: N803
):
    """One program per row and head; both halves of a head are turned together."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    first = tl.arange(0, HALF)
    second = first + HEAD_DIM // 2
    inside = first < HEAD_DIM // 2
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    cos_first = tl.load(rotation + row * 2 * HEAD_DIM + first, mask=inside, other=0.0).to(tl.float32)
    cos_second = tl.load(rotation + row * 2 * HEAD_DIM + second, mask=inside, other=0.0).to(tl.float32)
    sin_first = tl.load(rotation + (row * 2 + 1) * HEAD_DIM + first, mask=inside, other=0.0).to(tl.float32)
    sin_second = tl.load(rotation + (row * 2 + 1) * HEAD_DIM + second, mask=inside, other=0.0).to(tl.float32)
    slot = tl.load(slots + row).to(tl.int64)
    stored = (slot * HEADS + head) * HEAD_DIM
    for part in tl.static_range(3):
        source = qkv + ((row * 3 + part) * HEADS + head) * HEAD_DIM
        a = tl.load(source + first, mask=inside, other=0.0)
        b = tl.load(source + second, mask=inside, other=0.0)
        kind = a.dtype
        if part == 2:
            tl.store(value_pages + stored + first, a, mask=inside)
            tl.store(value_pages + stored + second, b, mask=inside)
        else:
            exact_a = a.to(tl.float32)
            exact_b = b.to(tl.float32)
            turned_a = (exact_a * cos_first - exact_b * sin_first).to(kind)
            turned_b = (exact_b * cos_second + exact_a * sin_second).to(kind)
            if part == 0:  # noqa: SIM108 - Triton has no such expression
                target = queries + (row * HEADS + head) * HEAD_DIM
            else:
                target = key_pages + stored
            tl.store(target + first, turned_a, mask=inside)
            tl.store(target + second, turned_b, mask=inside)
