"""What Triton makes of the NF4 product for a GPU, which need not be there."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="Triton is not installed")

COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from inference.kernels.nf4_portable import TILES, _product

for rows, tiles in TILES.items():
    types = {"x": "*bf16", "packed": "*i32", "scales": "*fp32", "values": "*i32", "out": "*bf16"}
    constants = {
        "INPUTS": 4096,
        "OCTETS": rows // 8,
        "GROUPS": tiles.groups,
        "PARTS": tiles.parts,
        "BLOCKS": tiles.blocks,
        "SPLITS": 1,
        "ASSEMBLED": True,
        "PDL": True,
    }
    source = ASTSource(
        fn=_product,
        signature={**types, "rows": "i32", "outputs": "i32", **dict.fromkeys(constants, "constexpr")},
        constexprs=constants,
        attrs={(place,): [["tt.divisibility", 16]] for place in range(len(types))},
    )
    options = {"num_warps": tiles.groups * tiles.parts}
    print("ROWS", rows)
    print(compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"])
"""


@pytest.mark.timeout(240)
def test_nothing_changes_lanes_between_memory_and_product() -> None:
    """Else each block's numbers would go through shared memory, and warps wait for each other at each."""
    compiling = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=compiling,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    kernels = done.stdout.split("ROWS ")[1:]
    assert [kernel.split("\n", 1)[0] for kernel in kernels] == ["8", "16", "32", "64"]
    for kernel in kernels:
        loop = re.search(r"^(\$\w+):.*?\bbra\s+\1;", kernel, re.MULTILINE | re.DOTALL)
        assert loop is not None
        assert "mma.sync" in loop.group()
        assert re.findall(r"\.shared|bar\.sync|shfl", loop.group()) == []
