"""How the work is dealt out; what the kernel computes is tested with the other one, in test_nf4.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import nf4_hopper
from inference.kernels.compiling import can_compile
from inference.kernels.limits import MOST_ROWS
from inference.kernels.nf4_weight import Nf4Weight
from inference.kernels.tensor_maps import TensorMap

MOST_SHARED = 227 * 1024
"""Bytes that a program can have on Hopper."""


@pytest.mark.parametrize("rows", nf4_hopper.TILES)
def test_a_program_fits_on_a_multiprocessor(rows: int) -> None:
    tiles = nf4_hopper.TILES[rows]
    assert tiles.shared(rows) <= MOST_SHARED
    assert tiles.threads <= 1024
    assert tiles.outputs <= 256  # A box has no more.


def test_there_are_tiles_for_all_numbers_of_rows() -> None:
    rooms = {nf4_hopper._room(rows) for rows in range(1, MOST_ROWS + 1)}
    assert rooms == set(nf4_hopper.TILES)
    assert all(rows <= nf4_hopper._room(rows) for rows in range(1, MOST_ROWS + 1))


@given(st.integers(1, MOST_ROWS), st.integers(1, 50000), st.integers(1, 500), st.integers(1, 200))
def test_splits_are_all_inputs_and_none_is_empty(rows: int, outputs: int, chunks: int, programs: int) -> None:
    tiles = nf4_hopper.TILES[nf4_hopper._room(rows)]
    splits, steps = nf4_hopper._split(rows, outputs, 4 * chunks, tiles, programs)
    stages = -(-4 * chunks // tiles.blocks)
    assert (splits - 1) * steps < stages <= splits * steps


def test_few_outputs_are_split() -> None:
    assert nf4_hopper._split(64, 4096, 172, nf4_hopper.TILES[64], 132)[0] > 1
    assert nf4_hopper._split(1, 4096, 64, nf4_hopper.TILES[1], 132)[0] == 1


def test_a_cpu_is_not_for_it() -> None:
    weight = Nf4Weight(torch.zeros((16, 128), dtype=torch.uint8), torch.zeros((16, 4)))
    assert not nf4_hopper.can_multiply(torch.zeros((1, 256), dtype=torch.bfloat16), weight)


def test_what_lies_askew_is_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nf4_hopper, "runs_on", lambda device: True)
    weight = Nf4Weight(torch.zeros((16, 128), dtype=torch.uint8), torch.zeros((16, 4)))
    x = torch.zeros(3 * 256, dtype=torch.bfloat16)
    assert nf4_hopper.can_multiply(x[:512].view(2, 256), weight)
    assert not nf4_hopper.can_multiply(x[1:513].view(2, 256), weight)


@pytest.mark.parametrize("rows", [1, 2, 64])
@pytest.mark.parametrize("outputs", [100, 50000])
def test_it_is_started_with_what_it_reads(rows: int, outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, blocks = 132, 172
    maps: list[tuple[torch.Tensor, bool]] = []
    started: list[tuple[int, list[Any]]] = []
    joined: list[torch.Size] = []

    def tensor_map(matrix: torch.Tensor, size: int, box: tuple[int, int], *, exchange: bool) -> TensorMap:
        maps.append((matrix, exchange))
        return TensorMap()

    def kernel(*_: object) -> Callable[[int, Sequence[Any]], None]:
        return lambda number, arguments: started.append((number, list(arguments)))

    monkeypatch.setattr(nf4_hopper, "tensor_map", tensor_map)
    monkeypatch.setattr(nf4_hopper, "_kernel", kernel)
    monkeypatch.setattr(nf4_hopper, "_multiprocessors", lambda device: programs)
    monkeypatch.setattr(nf4_hopper, "join_splits", lambda parts, out: joined.append(parts.shape))
    packed = torch.zeros((1, blocks * 32), dtype=torch.uint8).expand(outputs, -1)
    weight = Nf4Weight(packed, torch.zeros((1, blocks)).expand(outputs, -1))
    x = torch.zeros((rows, blocks * 64), dtype=torch.bfloat16)
    out = torch.zeros((rows, outputs), dtype=torch.bfloat16)
    nf4_hopper.multiply(x, weight, out)
    # A single row is read as it lies.
    assert maps == [(weight.packed, True), (weight.scales, False), (x, rows > 1)]
    ((number, (*_, parts, told_rows, told_outputs, told_blocks, splits, steps, items)),) = started
    assert (told_rows, told_outputs, told_blocks) == (rows, outputs, blocks)
    tiles = nf4_hopper.TILES[nf4_hopper._room(rows)]
    assert items == splits * -(-outputs // tiles.outputs)
    assert number == min(items, programs)
    assert splits * steps * tiles.blocks >= blocks
    if splits == 1:
        assert parts is out
        assert not joined
    else:
        assert (parts.shape, parts.dtype) == ((splits, rows, outputs), torch.float32)
        assert joined == [parts.shape]
    assert (splits > 1) == (outputs == 100)


@pytest.mark.skipif(not can_compile(), reason="no torch for CUDA")
@pytest.mark.parametrize("rows", nf4_hopper.TILES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_compiles(rows: int, dtype: torch.dtype) -> None:
    assert nf4_hopper.machine_code(dtype, rows, nf4_hopper.TILES[rows]).startswith(b"\x7fELF")
