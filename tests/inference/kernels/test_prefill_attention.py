from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels.limits import PAGE_SIZE
from inference.kernels.limits import QUERIES_OF_A_TILE as QUERIES
from inference.kernels.prefill_attention import paged_prefill_attention

ON_GPU = torch.cuda.is_available()
HEADS, HEAD_DIM = (4, 128) if ON_GPU else (2, 12)
# The interpreter multiplies no matrices of bfloat16.
DTYPE, TOLERANCE = (torch.bfloat16, 2**-6) if ON_GPU else (torch.float32, 1e-5)
WIDTH = 9
MOST = WIDTH * PAGE_SIZE

Run = tuple[int, int]
"""Tokens before a chunk, and tokens of it."""
runs = st.tuples(st.integers(0, MOST - 1), st.integers(1, 80)).map(
    lambda run: (run[0], min(run[1], MOST - run[0]))
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(chunks=st.lists(runs, min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_each_token_attends_to_what_is_before_it(chunks: list[Run], seed: int, device: torch.device) -> None:
    keys, values, table = cache([before + count for before, count in chunks], seed, device)
    tiles, expected_parts = [], []
    queries = numbers((sum(count for _, count in chunks), HEADS, HEAD_DIM), seed + 1, device)
    first = 0
    for row, (before, count) in enumerate(chunks):
        for offset in range(0, count, QUERIES):
            tiles.append((first + offset, min(QUERIES, count - offset), row, before + offset))
        mask = torch.arange(before + count) <= torch.arange(before, before + count)[:, None]
        expected_parts.append(
            attended(queries[first : first + count], keys, values, table[row], before + count, mask)
        )
        first += count
    tiles += [(0, 0, 0, 0)] * 2
    found = torch.full_like(queries, float("nan"))
    paged_prefill_attention(queries, keys, values, table, made(tiles, device), found, causal=True)
    torch.testing.assert_close(found.float(), torch.cat(expected_parts), rtol=TOLERANCE, atol=TOLERANCE / 4)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    views=st.lists(st.tuples(st.integers(1, QUERIES), st.integers(0, 2)), min_size=1, max_size=5),
    latents=st.integers(1, 70),
    seed=st.integers(0, 1000),
)
def test_each_token_attends_to_all_of_its_picture_or_to_none(
    views: list[Run], latents: int, seed: int, device: torch.device
) -> None:
    keys, values, table = cache([latents] * 3, seed, device)
    queries = numbers((sum(count for count, _ in views), HEADS, HEAD_DIM), seed + 1, device)
    tiles, expected_parts = [], []
    first = 0
    for count, picture in views:
        tiles.append((first, count, picture, latents if picture else 0))
        part = queries[first : first + count]
        everything = torch.ones(count, latents, dtype=torch.bool)
        seen = attended(part, keys, values, table[picture], latents, everything)
        expected_parts.append(seen if picture else torch.zeros_like(seen))
        first += count
    found = torch.full_like(queries, float("nan"))
    paged_prefill_attention(queries, keys, values, table, made(tiles, device), found, causal=False)
    torch.testing.assert_close(found.float(), torch.cat(expected_parts), rtol=TOLERANCE, atol=TOLERANCE / 4)


def made(tiles: list[tuple[int, int, int, int]], device: torch.device) -> torch.Tensor:
    return torch.tensor(tiles, dtype=torch.int32, device=device)


def numbers(shape: tuple[int, ...], seed: int, device: torch.device) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device, DTYPE)


def cache(
    lengths: list[int], seed: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Keys and values with NaN wherever nothing may be read, and the table of their pages."""
    pages = random.Random(seed).sample(range(WIDTH * len(lengths)), WIDTH * len(lengths))
    table = torch.tensor(pages, dtype=torch.int32, device=device).view(len(lengths), WIDTH)
    both = numbers((2, len(pages), PAGE_SIZE, HEADS, HEAD_DIM), seed, device)
    for row, length in enumerate(lengths):
        full, rest = divmod(length, PAGE_SIZE)
        if rest:
            both[:, table[row, full], rest:] = float("nan")
        both[:, table[row, full + bool(rest) :].long()] = float("nan")
    return both[0], both[1], table


def attended(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    pages: torch.Tensor,
    length: int,
    mask: torch.Tensor,
) -> torch.Tensor:
    """float32 (queries, heads, head dimension), from the same numbers."""
    k = keys[pages.long()].flatten(0, 1)[:length].float()
    v = values[pages.long()].flatten(0, 1)[:length].float()
    scores = torch.einsum("qhd,khd->hqk", queries.float(), k) / queries.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask.to(scores.device), -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v)
