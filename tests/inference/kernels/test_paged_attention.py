from __future__ import annotations

import random
from dataclasses import dataclass, replace
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import paged_attention
from inference.kernels.limits import PAGE_SIZE
from inference.kernels.paged_attention import paged_decode_attention

ON_GPU = torch.cuda.is_available()
# Few on a GPU, where each combination is compiled.
HEADS, HEAD_DIMS, TYPES = (
    ((4,), (96, 128), (torch.bfloat16,)) if ON_GPU else ((1, 2, 3), (4, 12), (torch.float32, torch.bfloat16))
)
# Rounding of the result alone: the reference starts from the same numbers and sums in float32.
TOLERANCES = {torch.float32: (1e-5, 1e-5), torch.bfloat16: (2**-7, 1e-3)}


@dataclass(frozen=True, slots=True)
class Cache:
    """Rows of the given lengths, half of their full pages shared, NaN wherever nothing may be read."""

    query: torch.Tensor
    key_pages: torch.Tensor
    value_pages: torch.Tensor
    block_table: torch.Tensor
    lengths: torch.Tensor

    def attended(self) -> torch.Tensor:
        out = torch.full_like(self.query, 7.0)
        paged_decode_attention(
            self.query, self.key_pages, self.value_pages, self.block_table, self.lengths, out
        )
        return out

    def expected(self) -> torch.Tensor:
        """Gathered and attended to row by row in float32."""
        out = torch.zeros(self.query.shape, device=self.query.device)
        for row, length in enumerate(self.lengths.tolist()):
            if length == 0:
                continue
            pages = self.block_table[row, : -(-length // PAGE_SIZE)].long()
            keys = self.key_pages[pages].flatten(0, 1)[:length].float()
            values = self.value_pages[pages].flatten(0, 1)[:length].float()
            scores = torch.einsum("hd,thd->ht", self.query[row].float(), keys) / self.query.shape[-1] ** 0.5
            out[row] = torch.einsum("ht,thd->hd", scores.softmax(-1), values)
        return out

    def check(self, attended: torch.Tensor) -> None:
        rtol, atol = TOLERANCES[self.query.dtype]
        torch.testing.assert_close(attended.float(), self.expected(), rtol=rtol, atol=atol)


def cache(
    lengths: list[int],
    width: int,
    heads: int,
    head_dim: int,
    dtype: torch.dtype,
    device: torch.device,
    seed: int,
) -> Cache:
    source = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    size = len(lengths) * width + 1
    free = source.sample(range(size), size)
    pages = torch.full((2, size, PAGE_SIZE, heads, head_dim), float("nan"))
    # What lies past a row's pages is a page of NaN.
    table = torch.full((len(lengths), width), free.pop(), dtype=torch.int32)
    full: list[int] = []
    for row, length in enumerate(lengths):
        for place in range(-(-length // PAGE_SIZE)):
            there = min(PAGE_SIZE, length - place * PAGE_SIZE)
            if there == PAGE_SIZE and full and source.random() < 0.5:
                table[row, place] = source.choice(full)
                continue
            page = free.pop()
            table[row, place] = page
            pages[:, page, :there] = torch.randn(2, there, heads, head_dim, generator=generator)
            full += [page] if there == PAGE_SIZE else []
    query = 3 * torch.randn(len(lengths), heads, head_dim, generator=generator)
    keys, values = pages.to(device, dtype)
    return Cache(
        query.to(device, dtype),
        keys,
        values,
        table.to(device),
        torch.tensor(lengths, dtype=torch.int32).to(device),
    )


WIDTH = 128 if ON_GPU else 7
MOST = WIDTH * PAGE_SIZE
BORDERS = [0, 1, *(page * PAGE_SIZE + by for page in (1, 2, 3, 6) for by in (-1, 0, 1)), MOST - 1, MOST]


@settings(max_examples=40 if ON_GPU else 20, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.sampled_from(BORDERS) | st.integers(0, MOST), min_size=1, max_size=3),
    heads=st.sampled_from(HEADS),
    head_dim=st.sampled_from(HEAD_DIMS),
    dtype=st.sampled_from(TYPES),
    most_splits=st.sampled_from((1, 2, 32)),
    worth_a_split=st.sampled_from((16, 64)),
    seed=st.integers(0, 1000),
)
def test_it_attends_to_the_tokens_that_are_there(
    lengths: list[int],
    heads: int,
    head_dim: int,
    dtype: torch.dtype,
    most_splits: int,
    worth_a_split: int,
    seed: int,
    device: torch.device,
) -> None:
    made = cache(lengths, WIDTH, heads, head_dim, dtype, device, seed)
    with mock.patch.multiple(paged_attention, _MOST_SPLITS=most_splits, _TOKENS_WORTH_A_SPLIT=worth_a_split):
        made.check(made.attended())


def test_table_and_lengths_may_be_columns_of_a_wider_tensor(device: torch.device) -> None:
    made = cache([5, 33, 0, MOST], WIDTH, HEADS[-1], HEAD_DIMS[-1], TYPES[0], device, 0)
    wide = torch.full((4, WIDTH + 3), 2**30, dtype=torch.int32, device=device)
    wide[:, 1] = made.lengths
    wide[:, 2:-1] = made.block_table
    made.check(replace(made, lengths=wide[:, 1], block_table=wide[:, 2:-1]).attended())


def test_queries_may_be_columns_of_a_wider_tensor(device: torch.device) -> None:
    made = cache([5, 33], WIDTH, HEADS[-1], HEAD_DIMS[-1], TYPES[0], device, 0)
    rows, heads, head_dim = made.query.shape
    wide = torch.full((rows, 3 * heads * head_dim), float("nan"), dtype=made.query.dtype, device=device)
    query, out = (wide.view(rows, 3, heads, head_dim)[:, column] for column in (0, 2))
    query.copy_(made.query)
    paged_decode_attention(query, made.key_pages, made.value_pages, made.block_table, made.lengths, out)
    made.check(out)
    assert wide[:, heads * head_dim : 2 * heads * head_dim].isnan().all()


@pytest.mark.skipif(not ON_GPU, reason="no GPU")
def test_a_captured_graph_follows_lengths_and_table(device: torch.device) -> None:
    first = cache([17, 0, 300, 2048], WIDTH, 32, 128, torch.bfloat16, device, 1)
    second = cache([2048, 16, 0, 1], WIDTH, 32, 128, torch.bfloat16, device, 2)
    first.check(first.attended())
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = first.attended()
    graph.replay()
    first.check(out)
    for name in ("query", "key_pages", "value_pages", "block_table", "lengths"):
        getattr(first, name).copy_(getattr(second, name))
    graph.replay()
    second.check(out)


@pytest.mark.skipif(not ON_GPU, reason="no GPU")
def test_a_cache_of_more_than_2_to_the_31_elements(device: torch.device) -> None:
    small = cache([40, 129], 16, 32, 128, torch.bfloat16, device, 3)
    count = small.key_pages.shape[0]
    pages = 2**31 // (PAGE_SIZE * 32 * 128) + count
    keys, values = (
        torch.empty((pages, PAGE_SIZE, 32, 128), dtype=torch.bfloat16, device=device) for _ in range(2)
    )
    keys[-count:], values[-count:] = small.key_pages, small.value_pages
    moved = Cache(small.query, keys, values, small.block_table + (pages - count), small.lengths)
    small.check(moved.attended())
