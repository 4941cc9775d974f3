from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from inference.kernels import tensor_maps
from inference.kernels.tensor_maps import tensor_map

TOLD = tuple[list[int], list[int], list[int], int]


def numbers(at: ctypes.Array[ctypes.c_uint64] | ctypes.Array[ctypes.c_uint32]) -> list[int]:
    return list(at)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TOLD]]:
    """What is told to the driver, which need not be there: axes, strides, boxes, and how places change."""
    told: list[TOLD] = []

    def encode(*arguments: Any) -> int:
        axes, strides, box = map(numbers, arguments[4:7])
        told.append((axes, strides, box, arguments[9]))
        return 0

    def function() -> Callable[..., int]:
        return encode

    monkeypatch.setattr(tensor_maps, "_encode", function)
    tensor_maps._described.cache_clear()
    yield told
    tensor_maps._described.cache_clear()


def test_a_row_is_seen_as_pieces(driver: list[TOLD]) -> None:
    tensor_map(torch.zeros((10, 384), dtype=torch.uint8), 128, (16, 2), exchange=True)
    tensor_map(torch.zeros((10, 12)), 16, (16, 2), exchange=False)
    in_128_bytes, none = 3, 0  # CU_TENSOR_MAP_SWIZZLE_128B and _NONE
    assert driver == [
        ([128, 10, 3], [384, 128], [128, 16, 2], in_128_bytes),
        ([16, 10, 3], [48, 16], [16, 16, 2], none),
    ]


def test_it_lies_where_the_driver_wants_it(driver: list[TOLD]) -> None:
    matrices = [torch.zeros((rows, 128), dtype=torch.uint8) for rows in range(1, 20)]
    maps = [tensor_map(matrix, 128, (8, 1), exchange=True) for matrix in matrices]
    assert {ctypes.addressof(one) % 64 for one in maps} == {0}


def test_the_same_memory_is_described_once(driver: list[TOLD]) -> None:
    matrix = torch.zeros((4, 128), dtype=torch.uint8)
    assert tensor_map(matrix, 128, (8, 1), exchange=True) is tensor_map(matrix, 128, (8, 1), exchange=True)
    assert tensor_map(matrix, 128, (8, 1), exchange=False) is not tensor_map(
        matrix, 128, (8, 1), exchange=True
    )
    assert len(driver) == 2


def test_a_refusal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_maps, "_encode", lambda: lambda *_: 1)
    with pytest.raises(RuntimeError, match="3 rows of 100 bytes"):
        tensor_map(torch.zeros((3, 100), dtype=torch.uint8), 128, (8, 1), exchange=True)
