from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels.limits import MOST_ROWS
from inference.kernels.linear import linear

# The interpreter multiplies no matrices of bfloat16.
TYPES = (torch.float32, torch.bfloat16 if torch.cuda.is_available() else torch.float16)
SHAPES = ((96, 64), (70, 200), (8, 1500), (2, 40))
"""(outputs, inputs), of which some fill no tile."""


def numbers(*shape: int, dtype: torch.dtype, device: torch.device, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(device, dtype)


def assert_close(found: torch.Tensor, expected: torch.Tensor, roundings: int = 1) -> None:
    """Up to so many roundings to the result's type, and of sums of some thousand terms."""
    error = 1e-5 if found.dtype is torch.float32 else roundings * 2**-8
    size = float(expected.square().mean().sqrt())
    torch.testing.assert_close(found.float(), expected, rtol=error, atol=error * size)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [1, 2, 17, MOST_ROWS])
def test_products(device: torch.device, dtype: torch.dtype, shape: tuple[int, int], rows: int) -> None:
    weight = numbers(*shape, dtype=dtype, device=device, seed=0)
    x = numbers(rows, shape[1], dtype=dtype, device=device, seed=1)
    assert_close(linear(x, weight), x.float() @ weight.float().T)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [1, 5])
def test_gated_products(device: torch.device, dtype: torch.dtype, shape: tuple[int, int], rows: int) -> None:
    weight = numbers(*shape, dtype=dtype, device=device, seed=2)
    x = numbers(rows, shape[1], dtype=dtype, device=device, seed=3)
    gate, up = (x.float() @ weight.float().T).to(dtype).chunk(2, dim=-1)
    expected = (torch.nn.functional.silu(gate) * up).float()
    # Gate, silu and product are rounded, and each may be off by its last bit.
    assert_close(linear(x, weight, gated=True), expected, roundings=4)
