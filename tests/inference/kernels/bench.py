"""Measures the kernels on a GPU, beside what they replace: `python -m tests.inference.kernels.bench`.

Everything runs in CUDA graphs and on the shapes of the 9B model, over more memory than the cache holds. The
share is that of the device's copy bandwidth, counting the bytes that must be read. With `--tiles` it tries
other ways of dealing out the work with NF4 weights, to find the best for another GPU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
import triton
from bitsandbytes import matmul_4bit
from bitsandbytes.functional import QuantState, get_4bit_type
from torch.nn.functional import scaled_dot_product_attention

from inference.kernels import nf4_hopper, nf4_portable
from inference.kernels.launching import shared_memory
from inference.kernels.limits import PAGE_SIZE
from inference.kernels.nf4 import nf4_linear
from inference.kernels.nf4_weight import BLOCK_SIZE, Nf4Weight
from inference.kernels.paged_attention import paged_decode_attention
from inference.measuring import copy_bandwidth

HEADS, HEAD_DIM = 32, 128
LAYERS = 16
"""Of the 32: enough that one row's keys and values do not stay in the cache."""
LOADS = ((1, 512), (8, 512), (32, 64), (32, 512), (64, 512))
"""Rows, and tokens of each."""
WIDTH = 2048 // PAGE_SIZE
ROWS = (1, 2, 4, 8, 16, 32, 64)
HIDDEN, INTERMEDIATE = 4096, 11008
MLP = ((2 * INTERMEDIATE, HIDDEN), (HIDDEN, INTERMEDIATE))
MATRICES = (
    *(32 * ((3 * HIDDEN, HIDDEN), (HIDDEN, HIDDEN), *MLP)),
    *(8 * ((HIDDEN, HIDDEN), (HIDDEN, HIDDEN), *MLP)),
)
"""(outputs, inputs) of a decode step, with what has the same input in one."""
OTHER_TILES = (
    *(nf4_portable.Tiles(1, parts, blocks, 1) for parts in (4, 8) for blocks in (2, 4)),
    *(nf4_portable.Tiles(2, 4, blocks, programs) for blocks in (1, 2) for programs in (1, 264)),
    *(nf4_portable.Tiles(4, parts, blocks, 264) for parts in (1, 2) for blocks in (1, 2)),
)
OTHER_TILES_OF_HOPPER = (
    nf4_hopper.Tiles(1, 1, 8, 32, 3),
    nf4_hopper.Tiles(2, 1, 8, 32, 2),
    *(nf4_hopper.Tiles(tiles, 2, 4, blocks, 3) for tiles in (1, 2) for blocks in (8, 16)),
    *(nf4_hopper.Tiles(tiles, groups, 1, 4, 3) for tiles in (1, 2) for groups in (4, 8)),
)
REPLAYS = 20
ROW = "{:<46} {:>11} {:>9} {:>8} {:>24}"


def main() -> int:
    """Measures and prints; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.inference.kernels.bench", description="Measures the kernels."
    )
    parser.add_argument("--tiles", action="store_true", help="try other ways with NF4 weights (some minutes)")
    tries_tiles: bool = parser.parse_args().tiles
    if not torch.cuda.is_available():
        print("This measures a GPU, and there is none.", file=sys.stderr)
        return 2
    device = torch.device("cuda")
    torch.manual_seed(0)
    bandwidth = copy_bandwidth(device)
    print(
        f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, triton {triton.__version__}, "
        f"copy bandwidth {bandwidth / 1e9:.0f} GB/s"
    )
    if tries_tiles:
        _try_tiles(device)
        return 0
    print(ROW.format("", "time", "read", "share", "instead of"))
    _measure_attention(device, bandwidth)
    _measure_nf4(device, bandwidth)
    return 0


def _measure_attention(device: torch.device, bandwidth: float) -> None:
    most = max(rows * tokens for rows, tokens in LOADS) // PAGE_SIZE
    cache = torch.empty((LAYERS, 2, most, PAGE_SIZE, HEADS, HEAD_DIM), dtype=torch.bfloat16, device=device)
    cache.normal_()
    for rows, tokens in (*LOADS, (32, None)):
        lengths = torch.full((rows,), tokens or 512, dtype=torch.int32, device=device)
        if tokens is None:  # As unequal as conversations are; 512 on average.
            lengths = torch.linspace(16, 1008, rows, device=device).int()
        pages = (lengths + PAGE_SIZE - 1) // PAGE_SIZE
        table = torch.zeros((rows, WIDTH), dtype=torch.int32, device=device)
        shuffled = torch.randperm(most, device=device).int()
        for row, end in enumerate(pages.cumsum(0).tolist()):
            count = int(pages[row])
            table[row, :count] = shuffled[end - count : end]
        query = torch.randn((rows, HEADS, HEAD_DIM), dtype=torch.bfloat16, device=device)
        out = torch.empty_like(query)

        def kernel(
            query: torch.Tensor = query,
            table: torch.Tensor = table,
            lengths: torch.Tensor = lengths,
            out: torch.Tensor = out,
        ) -> None:
            for keys, values in cache:
                paged_decode_attention(query, keys, values, table, lengths, out)

        used = table[:, : int(pages.max())].long()

        def gathered(query: torch.Tensor = query, used: torch.Tensor = used) -> None:
            for layer in cache:
                keys, values = (pages[used].flatten(1, 2).transpose(1, 2) for pages in layer)
                scaled_dot_product_attention(query.unsqueeze(2), keys, values)

        read = int(lengths.sum()) * 2 * HEADS * HEAD_DIM * cache.element_size()
        name = f"attention, {rows} x {tokens or '16 to 1008'} tokens, one layer"
        _report(name, _time(kernel) / LAYERS, read, bandwidth, "gather and SDPA", _time(gathered) / LAYERS)


def _measure_nf4(device: torch.device, bandwidth: float) -> None:
    table = get_4bit_type("nf4", device=device)
    weights = _weights(device)
    states = [
        QuantState(
            weight.scales.flatten(),
            shape=torch.Size(shape),
            code=table,
            blocksize=BLOCK_SIZE,
            quant_type="nf4",
            dtype=torch.bfloat16,
        )
        for weight, shape in zip(weights, MATRICES, strict=True)
    ]
    read = sum(weight.packed.nbytes + weight.scales.nbytes for weight in weights)
    for rows in ROWS:
        vectors = _vectors(rows, device)

        def theirs(vectors: dict[int, torch.Tensor] = vectors) -> None:
            for weight, state, (_, inputs) in zip(weights, states, MATRICES, strict=True):
                matmul_4bit(vectors[inputs], weight.packed.view(-1, 1).t(), quant_state=state)

        name = f"NF4, {rows} rows, all matrices of a step"
        _report(name, _time(_nf4_products(weights, vectors)), read, bandwidth, "bitsandbytes", _time(theirs))


def _try_tiles(device: torch.device) -> None:
    """Prints the milliseconds of all matrices of a step by other tiles, for each number of rows."""
    weights = _weights(device)
    if nf4_hopper.runs_on(device):
        most = shared_memory(device)
        for rows, tiles in list(nf4_hopper.TILES.items()):
            fitting = [other for other in OTHER_TILES_OF_HOPPER if other.shared(rows) <= most]
            _try_others(nf4_hopper.TILES, rows, [tiles, *fitting], weights)
    else:
        for rows, chosen in list(nf4_portable.TILES.items()):
            _try_others(nf4_portable.TILES, rows, [chosen, *OTHER_TILES], weights)


def _try_others(of_rows: dict[int, Any], rows: int, others: list[Any], weights: list[Nf4Weight]) -> None:
    """`others` begins with the tiles that are chosen for so many rows, and remain so."""
    products = _nf4_products(weights, _vectors(rows, weights[0].packed.device))
    for other in others:
        of_rows[rows] = other
        print(f"{rows} rows: {1e3 * _time(products):.2f} ms, {other}", flush=True)
    of_rows[rows] = others[0]


def _weights(device: torch.device) -> list[Nf4Weight]:
    return [
        Nf4Weight(
            torch.randint(256, (outputs, inputs // 2), dtype=torch.uint8, device=device),
            torch.rand((outputs, inputs // BLOCK_SIZE), device=device) / inputs**0.5,
        )
        for outputs, inputs in MATRICES
    ]


def _vectors(rows: int, device: torch.device) -> dict[int, torch.Tensor]:
    """What is multiplied, by the number of inputs."""
    sizes = {size for shape in MATRICES for size in shape}
    return {size: torch.randn((rows, size), dtype=torch.bfloat16, device=device) for size in sizes}


def _nf4_products(weights: list[Nf4Weight], vectors: dict[int, torch.Tensor]) -> Callable[[], None]:
    outs = {size: torch.empty_like(vector) for size, vector in vectors.items()}

    def multiply() -> None:
        for weight, (outputs, inputs) in zip(weights, MATRICES, strict=True):
            nf4_linear(vectors[inputs], weight, outs[outputs])

    return multiply


def _time(call: Callable[[], None]) -> float:
    """Seconds of one call, captured and replayed."""
    with torch.inference_mode():
        call()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        graph.replay()
        torch.cuda.synchronize()
        started = perf_counter()
        for _ in range(REPLAYS):
            graph.replay()
        torch.cuda.synchronize()
        return (perf_counter() - started) / REPLAYS


def _report(name: str, seconds: float, read: int, bandwidth: float, other: str, theirs: float) -> None:
    shown = (_shown(seconds), f"{read / 1e9:.3f} GB", f"{100 * read / bandwidth / seconds:.0f} %")
    print(ROW.format(name, *shown, f"{other} {_shown(theirs)}"), flush=True)


def _shown(seconds: float) -> str:
    return f"{1e6 * seconds:.1f} us" if seconds < 1e-3 else f"{1e3 * seconds:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
