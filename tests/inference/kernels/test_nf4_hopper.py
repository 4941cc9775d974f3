"""How the work is dealt out; what the kernel computes is tested with the other one, in test_nf4.py."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import nf4_hopper
from inference.kernels.compiling import can_compile
from inference.kernels.limits import MOST_ROWS
from inference.kernels.nf4_weight import Nf4Weight

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


@pytest.mark.skipif(not can_compile(), reason="no torch for CUDA")
@pytest.mark.parametrize("rows", nf4_hopper.TILES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_compiles(rows: int, dtype: torch.dtype) -> None:
    assert nf4_hopper.machine_code(dtype, rows, nf4_hopper.TILES[rows]).startswith(b"\x7fELF")
