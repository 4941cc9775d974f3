from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

from inference.engine.attention import rotate
from inference.kernels.fused import rms_norm, rotate_and_store, silu_product

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
TYPES = (torch.float32, torch.bfloat16)
TOLERANCES = {torch.float32: (1e-5, 1e-5), torch.bfloat16: (2**-6, 2**-6)}


def numbers(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(DEVICE, dtype)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    rtol, atol = TOLERANCES[found.dtype]
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("gates", [None, 1, 24], ids=["plain", "one gate", "gates"])
def test_sums_and_norms(dtype: torch.dtype, gates: int | None) -> None:
    x, added = numbers(5, 24, dtype=dtype), numbers(5, 24, dtype=dtype, seed=1)
    weight = numbers(24, dtype=dtype, seed=2)
    gate = None if gates is None else numbers(gates, dtype=dtype, seed=3)
    total, normed = rms_norm(x, weight, 1e-6, added=added, gate=gate)
    expected = x.float() + (added.float() if gate is None else (gate * added).float())
    assert_close(total, expected)
    assert_close(normed, torch.nn.functional.rms_norm(total.float(), (24,), weight.float(), 1e-6))
    same, alone = rms_norm(x, weight, 1e-6)
    assert same is x
    assert_close(alone, torch.nn.functional.rms_norm(x.float(), (24,), weight.float(), 1e-6))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("width", [12, 1500])
def test_gated_products(dtype: torch.dtype, width: int) -> None:
    gate_up = numbers(3, 2 * width, dtype=dtype)
    gate, up = gate_up.float().chunk(2, dim=-1)
    assert_close(silu_product(gate_up), torch.nn.functional.silu(gate) * up)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("head_dim", [12, 32])
def test_turning_and_storing(dtype: torch.dtype, head_dim: int) -> None:
    qkv = numbers(4, 3, 2, head_dim, dtype=dtype)
    rotation = numbers(4, 2, head_dim, dtype=dtype, seed=1)
    slots = torch.tensor([17, 3, 40, 16], device=DEVICE)
    keys, values = torch.zeros(2, 3, 16, 2, head_dim, device=DEVICE, dtype=dtype)
    queries = rotate_and_store(qkv, rotation, slots, keys, values)
    turned = rotate(qkv[:, :2].float(), rotation.float())
    assert_close(queries, turned[:, 0])
    assert_close(keys.flatten(0, 1)[slots], turned[:, 1])
    assert torch.equal(values.flatten(0, 1)[slots], qkv[:, 2])
    others = torch.ones(48, dtype=torch.bool, device=DEVICE).index_fill_(0, slots, False)
    assert not keys.flatten(0, 1)[others].any()
    assert not values.flatten(0, 1)[others].any()
