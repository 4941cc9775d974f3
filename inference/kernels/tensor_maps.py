"""Descriptions of matrices for the copying engine of NVIDIA's Hopper GPUs, which copies boxes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import cast

import torch

_ALIGNMENT = 64
"""Of a description, for the driver."""
_BYTES, _NOT_INTERLEAVED, _SWIZZLE_128, _PROMOTE_256, _FILL_ZERO = 0, 0, 3, 3, 0
"""The driver's enumerations."""


class TensorMap(ctypes.Structure):
    """A `CUtensorMap`, whose contents are the driver's own affair."""

    _fields_ = (("opaque", ctypes.c_uint64 * 16),)


def tensor_map(matrix: torch.Tensor, size: int, box: tuple[int, int], *, exchange: bool) -> TensorMap:
    """Describes a contiguous matrix for copies of boxes.

    The copying engine sees three axes: `size` bytes side by side, the matrix' rows, and such pieces of a
    row. A box has all of the first axis and so many, `box`, of the others; what of it is beyond the ends of
    the matrix comes as zeros. With `exchange`, for which `size` is 128, parts of 16 bytes in the first
    axis change places, by an exclusive or of their number with the last three bits of the row's. Raises
    `RuntimeError` for what the driver does not take, such as rows whose bytes are no multiple of 16.
    """
    row = matrix.shape[1] * matrix.element_size()
    return _described(matrix.data_ptr(), size, matrix.shape[0], row, box, exchange)


@lru_cache(maxsize=4096)
def _described(at: int, size: int, rows: int, row: int, box: tuple[int, int], exchange: bool) -> TensorMap:
    # It depends on nothing else: what was made for memory that has been freed is right for its successor.
    memory = ctypes.create_string_buffer(ctypes.sizeof(TensorMap) + _ALIGNMENT)
    described = TensorMap.from_buffer(memory, -ctypes.addressof(memory) % _ALIGNMENT)
    status = _encode()(
        ctypes.byref(described),
        _BYTES,
        3,
        at,
        (ctypes.c_uint64 * 3)(size, rows, row // size),
        (ctypes.c_uint64 * 2)(row, size),
        (ctypes.c_uint32 * 3)(size, *box),
        (ctypes.c_uint32 * 3)(1, 1, 1),
        _NOT_INTERLEAVED,
        _SWIZZLE_128 if exchange else 0,
        _PROMOTE_256,
        _FILL_ZERO,
    )
    if status:
        raise RuntimeError(f"CUDA describes no tensor of {rows} rows of {row} bytes: {status}.")
    return described


@cache
def _encode() -> Callable[..., int]:
    # Not through cuda.bindings, which hands the driver memory that may not be aligned as it demands.
    encode = ctypes.CDLL("libcuda.so.1").cuTensorMapEncodeTiled
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    encode.argtypes = (pointer, integer, ctypes.c_uint32, *([pointer] * 5), *([integer] * 4))
    return cast(Callable[..., int], encode)
