"""Products with NF4 weights on NVIDIA's Hopper GPUs: starts the kernel in `nf4_hopper.cu`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from bitsandbytes.functional import get_4bit_type

from inference.kernels.compiling import Kernel, can_compile, compiled, kernel
from inference.kernels.joining import join_splits
from inference.kernels.nf4_weight import Nf4Weight
from inference.kernels.tensor_maps import tensor_map

_KINDS = {torch.bfloat16: "bf16", torch.float16: "f16"}
_BLOCK, _CHUNK = 32, 4
"""Bytes of the weights of a block, and blocks that are copied in a row."""
_TABLE = 256 * 32 * 4
"""Bytes of the table."""
_JOINING, _JOINED = 1.5, 500e3
"""Microseconds that it costs to join splits, and sums that are joined in one."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the work is dealt out; `nf4_hopper.cu` says what the words mean."""

    tiles: int
    groups: int
    parts: int
    blocks: int
    stages: int

    @property
    def outputs(self) -> int:
        """Of a program at a time."""
        return 16 * self.tiles * self.groups

    @property
    def threads(self) -> int:
        """Of a program; one warp brings what is multiplied, and one joins sums."""
        return 32 * (self.groups * self.parts + 2)

    def shared(self, rows: int) -> int:
        """Bytes of a program's shared memory."""
        stage = self.blocks * (self.outputs * (_BLOCK + 4) + _room(rows) * 128)
        sums = self.groups * self.parts * self.tiles * _eights(rows) * 512 if self.parts > 1 else 0
        return self.stages * stage + _TABLE + 2 * sums + 8 * (2 * self.stages + 4)


TILES = {
    1: Tiles(2, 1, 8, 32, 2),
    8: Tiles(1, 2, 4, 16, 3),
    16: Tiles(1, 2, 4, 16, 3),
    32: Tiles(1, 2, 4, 8, 3),
    64: Tiles(2, 4, 1, 4, 3),
}
"""By the number of rows for which there is room."""
_SPEED = {1: 22e3, 8: 22e3, 16: 18e3, 32: 13e3, 64: 8e3}
"""Bytes of weights that a multiprocessor is done with in a microsecond, about, likewise."""


def can_multiply(x: torch.Tensor, weight: Nf4Weight) -> bool:
    """Whether this kernel is for such operands: the device's, the type's, the blocks' number."""
    return (
        runs_on(x.device)
        and x.dtype in _KINDS
        and weight.scales.shape[1] % _CHUNK == 0
        and all(one.data_ptr() % 16 == 0 for one in (x, weight.packed, weight.scales))
    )


@cache
def runs_on(device: torch.device) -> bool:
    """Whether this kernel is for such a device: for Hopper's, on which it has been measured."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] == 9 and can_compile()


def multiply(x: torch.Tensor, weight: Nf4Weight, out: torch.Tensor) -> None:
    """Writes x · weightᵀ to `out`, as `nf4_linear` says."""
    rows = len(x)
    outputs, blocks = weight.scales.shape
    tiles = TILES[_room(rows)]
    programs = _multiprocessors(x.device)
    splits, steps = _split(rows, outputs, blocks, tiles, programs)
    items = -(-outputs // tiles.outputs) * splits
    parts = out if splits == 1 else x.new_empty((splits, rows, outputs), dtype=torch.float32)
    chunks = tiles.blocks // _CHUNK
    maps = (
        tensor_map(weight.packed, 128, (tiles.outputs, chunks), exchange=True),
        tensor_map(weight.scales, 16, (tiles.outputs, chunks), exchange=False),
        tensor_map(x, 128, (_room(rows), tiles.blocks), exchange=rows > 1),
    )
    product = _kernel(x.dtype, _room(rows), tiles, x.device)
    product(min(items, programs), (*maps, parts, rows, outputs, blocks, splits, steps, items))
    if splits > 1:
        join_splits(parts, out)


def _room(rows: int) -> int:
    """Rows for which a kernel has room: 1, 8, 16, 32 or 64."""
    return 1 if rows == 1 else max(8, 1 << (rows - 1).bit_length())


def _eights(rows: int) -> int:
    return max(1, _room(rows) // 8)


def _split(rows: int, outputs: int, blocks: int, tiles: Tiles, programs: int) -> tuple[int, int]:
    """(splits of the inputs, stages of each), so that all is done the soonest."""
    groups, stages = -(-outputs // tiles.outputs), -(-blocks // tiles.blocks)
    stage = tiles.outputs * tiles.blocks * (_BLOCK + 4) / _SPEED[_room(rows)]

    def microseconds(splits: int) -> float:
        joining = _JOINING + splits * rows * outputs / _JOINED if splits > 1 else 0
        return -(-groups * splits // programs) * -(-stages // splits) * stage + joining

    best = min(range(1, min(8, stages) + 1), key=microseconds)
    steps = -(-stages // best)
    return -(-stages // steps), steps


@cache
def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count


def machine_code(dtype: torch.dtype, rows: int, tiles: Tiles) -> bytes:
    """The kernel compiled (a cubin) for so many rows, 1 or 8, 16, 32 or 64."""
    values: torch.Tensor = get_4bit_type("nf4", device="cpu").to(dtype).view(torch.uint16)
    definitions = {
        "KIND": f'"{_KINDS[dtype]}"',
        "VALUES": ",".join(map(str, values.tolist())),
        "EIGHTS": _eights(rows),
        "X_ROWS": rows,
        "TILES": tiles.tiles,
        "GROUPS": tiles.groups,
        "PARTS": tiles.parts,
        "BLOCKS": tiles.blocks,
        "STAGES": tiles.stages,
        "SHARED": tiles.shared(rows),
    }
    return compiled("nf4_hopper.cu", "sm_90", tuple(definitions.items()))


@cache
def _kernel(dtype: torch.dtype, rows: int, tiles: Tiles, device: torch.device) -> Kernel:
    # The device is a key only: a kernel is loaded on the current one.
    return kernel(machine_code(dtype, rows, tiles), "nf4_product", tiles.threads, tiles.shared(rows))
