"""The look-up's instructions, carried out one by one: they run on a GPU only, their logic anywhere."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
import torch
from bitsandbytes.functional import get_4bit_type

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import nf4_values

WORD = 0xFFFFFFFF


def permute(a: int, b: int, selectors: int) -> int:
    """PTX's `prmt`: each selector takes one of eight bytes or, from 8 on, eight times its sign."""
    chosen = []
    for place in range(4):
        selector = selectors >> 4 * place & 15
        byte = (b << 32 | a) >> 8 * (selector & 7) & 255
        chosen.append(255 * (byte >> 7) if selector & 8 else byte)
    return int.from_bytes(chosen, "little")


def logic(a: int, b: int, c: int, table: int) -> int:
    """PTX's `lop3`: the bits of `a`, `b` and `c` say which bit of the table."""
    return sum((table >> (4 * (a >> i & 1) + 2 * (b >> i & 1) + (c >> i & 1)) & 1) << i for i in range(32))


OPERATIONS: dict[str, Callable[..., int]] = {
    "and.b32": lambda a, b: a & b,
    "shl.b32": lambda a, by: a << by & WORD,
    "shr.u32": lambda a, by: a >> by,
    "prmt.b32": permute,
    "lop3.b32": logic,
}


def carry_out(instructions: str, inputs: dict[str, int]) -> dict[str, int]:
    registers = dict(inputs)
    for line in re.sub(r"//.*", "", instructions).strip().strip("{}").split(";"):
        name, _, operands = line.strip().partition(" ")
        if halves := re.fullmatch(r"\{(\S+), (\S+)\}, (\S+)", operands):
            assert name == "mov.b32"
            lower, upper, source = halves.groups()
            registers[lower], registers[upper] = registers[source] & 0xFFFF, registers[source] >> 16
        elif name and name != ".reg":
            target, *sources = operands.split(", ")
            values = [registers[each] if each in registers else int(each, 0) for each in sources]
            registers[target] = OPERATIONS[name](*values)
    return registers


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_each_code_has_its_value_at_each_place(dtype: torch.dtype) -> None:
    chosen = random.Random(0)
    rows = [[code] * 8 for code in range(16)] + [chosen.choices(range(16), k=8) for _ in range(300)]
    table = nf4_values.table(dtype, torch.device("cpu"), assembled=True)
    inputs = {f"${9 + word}": int(copies[0]) & WORD for word, copies in enumerate(table)}
    values = get_4bit_type("nf4", device="cpu").to(dtype).view(torch.int16)
    for codes in rows:
        packed = bytes(codes[i] << 4 | codes[i + 1] for i in range(0, 8, 2))
        word = int.from_bytes(packed, "little")
        registers = carry_out(nf4_values._LOOK_UP.value, {**inputs, "$8": word})
        found = [registers[f"${place}"] for place in range(8)]
        assert found == [int(values[code]) & 0xFFFF for code in codes]
