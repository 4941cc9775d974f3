"""Products with NF4 weights on NVIDIA GPUs from Hopper on: starts the kernel in `nf4_hopper.cu`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from bitsandbytes.functional import get_4bit_type

from inference.kernels.compiling import Kernel, can_compile, compiled, kernel
from inference.kernels.joining import join_splits
from inference.kernels.launching import can_overlap, shared_memory
from inference.kernels.nf4_weight import Nf4Weight

_KINDS = {torch.bfloat16: "bf16", torch.float16: "f16"}
_TABLE = 256 * 32 * 4
"""Bytes of the table, which is not part of a program's dynamic shared memory."""
_OF_MULTIPROCESSOR, _OF_SYSTEM = 228 * 1024, 1024
"""Bytes of Hopper's shared memory, and of these what each program costs beside its own."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the work is dealt out; `nf4_hopper.cu` says what the words mean."""

    tiles: int
    groups: int
    parts: int
    blocks: int
    stages: int
    programs: int = 1
    """On a multiprocessor at a time. There should be room for as many again, which the next kernel's are."""

    @property
    def outputs(self) -> int:
        """Of a program at a time."""
        return 16 * self.tiles * self.groups

    @property
    def threads(self) -> int:
        """Of a program."""
        return 32 * self.groups * self.parts

    def shared(self, rows: int) -> int:
        """Bytes of a program's stages, sums and barriers."""
        packed = self.blocks * 32 + (0 if self.blocks % 2 else 32)
        scales = 4 * (self.blocks | 1)
        stage = self.outputs * (packed + scales) + (1 if rows == 1 else _padded(rows)) * (
            self.blocks * 128 + 16
        )
        sums = (self.parts - 1) * self.groups * self.tiles * _padded(rows) // 8 * 512
        return self.stages * stage + sums + 8 * self.stages

    def together(self, rows: int) -> int:
        """Programs for which a multiprocessor has room; 2 are enough, this kernel's and the next one's."""
        return min(2, _OF_MULTIPROCESSOR // (_TABLE + self.shared(rows) + _OF_SYSTEM))


TILES = {
    1: Tiles(1, 1, 8, 16, 6),
    8: Tiles(2, 2, 4, 4, 4),
    16: Tiles(2, 2, 4, 4, 3),
    32: Tiles(2, 4, 1, 2, 3, 2),
    64: Tiles(2, 4, 1, 1, 5, 2),
}
"""By the number of rows, rounded up."""


def can_multiply(x: torch.Tensor) -> bool:
    """Whether this kernel is for such a tensor's device and type."""
    return x.is_cuda and x.dtype in _KINDS and _runs_on(x.device)


@cache
def _runs_on(device: torch.device) -> bool:
    most = _TABLE + max(tiles.shared(rows) for rows, tiles in TILES.items())
    return can_overlap(device) and can_compile() and shared_memory(device) >= most


def multiply(x: torch.Tensor, weight: Nf4Weight, out: torch.Tensor) -> None:
    """Writes x · weightᵀ to `out`, as `nf4_linear` says."""
    rows = len(x)
    outputs, blocks = weight.scales.shape
    tiles = TILES[1 if rows == 1 else _padded(rows)]
    programs = _multiprocessors(x.device) * tiles.programs
    splits, steps = _split(-(-outputs // tiles.outputs), -(-blocks // tiles.blocks), programs)
    items = -(-outputs // tiles.outputs) * splits
    parts = out if splits == 1 else x.new_empty((splits, rows, outputs), dtype=torch.float32)
    pairs = _pairs(x.dtype, x.device)
    product = _kernel(x.dtype, 1 if rows == 1 else _padded(rows), tiles, x.device)
    product(
        min(items, programs),
        (x, weight.packed, weight.scales, pairs, parts, rows, outputs, blocks, splits, steps, items),
    )
    if splits > 1:
        join_splits(parts, out)


def _padded(rows: int) -> int:
    return max(8, 1 << (rows - 1).bit_length())


def _split(groups: int, stages: int, programs: int) -> tuple[int, int]:
    """(splits of the inputs, stages of each), so that the programs end at nearly the same time."""

    def rounds(splits: int) -> float:
        # The sums' joining takes time too.
        return -(-groups * splits // programs) * -(-stages // splits) * (1.0 if splits == 1 else 1.1)

    best = min(range(1, min(8, stages) + 1), key=rounds)
    steps = -(-stages // best)
    return -(-stages // steps), steps


@cache
def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count


@cache
def _pairs(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The values of a byte's two codes next to each other, (256, 2), rounded to a type of 16 bits."""
    values: torch.Tensor = get_4bit_type("nf4", device="cpu").to(dtype)
    earlier, later = values.repeat_interleave(16), values.repeat(16)
    return torch.stack((earlier, later), 1).to(device)


def machine_code(dtype: torch.dtype, rows: int, tiles: Tiles, architecture: str) -> bytes:
    """The kernel compiled (a cubin) for so many rows, 1 or 8, 16, 32 or 64."""
    definitions = {
        "KIND": f'"{_KINDS[dtype]}"',
        "EIGHTS": _padded(rows) // 8,
        "X_ROWS": rows,
        "TILES": tiles.tiles,
        "GROUPS": tiles.groups,
        "PARTS": tiles.parts,
        "BLOCKS": tiles.blocks,
        "STAGES": tiles.stages,
        "SHARED": tiles.shared(rows),
        "TOGETHER": tiles.together(rows),
    }
    source = files("inference.kernels").joinpath("nf4_hopper.cu").read_text()
    return compiled(source, architecture, tuple(definitions.items()))


@cache
def _kernel(dtype: torch.dtype, rows: int, tiles: Tiles, device: torch.device) -> Kernel:
    major, minor = torch.cuda.get_device_capability(device)
    cubin = machine_code(dtype, rows, tiles, f"sm_{major}{minor}")
    return kernel(cubin, "nf4_product", tiles.threads, tiles.shared(rows))
