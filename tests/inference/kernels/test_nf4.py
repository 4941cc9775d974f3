from __future__ import annotations

from unittest import mock

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, get_4bit_type
from bitsandbytes.nn import Linear4bit
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from inference.engine import dispatch
from inference.engine.weights import projection
from inference.kernels import nf4_hopper, nf4_portable
from inference.kernels.limits import MOST_ROWS
from inference.kernels.nf4 import nf4_linear
from inference.kernels.nf4_weight import BLOCK_SIZE, Nf4Weight

ON_GPU = torch.cuda.is_available()
ON_HOPPER = ON_GPU and nf4_hopper.runs_on(torch.device("cuda"))
# The interpreter multiplies no matrices of bfloat16; on a GPU each combination is compiled.
TYPES = (torch.bfloat16, torch.float16) if ON_GPU else (torch.float32, torch.float16)
BLOCKS = (33, 34, 64) if ON_GPU else (1, 2, 9, 16, 20)
# Those for the number of rows, or others. The second kernel is for GPUs only.
PORTABLE = (None, nf4_portable.Tiles(2, 2, 1, 500), nf4_portable.Tiles(2, 1, 4, 8))
HOPPER = (None, nf4_hopper.Tiles(1, 2, 1, 4, 2), nf4_hopper.Tiles(2, 1, 2, 4, 1))


def quantised(
    outputs: int, inputs: int, device: torch.device, *, nested: bool = True, quant_type: str = "nf4"
) -> Linear4bit:
    linear = Linear4bit(inputs, outputs, bias=False, quant_type=quant_type, compress_statistics=nested)
    generator = torch.Generator().manual_seed(outputs)
    weight = torch.randn((outputs, inputs // 32, 32), generator=generator)
    # The scales differ, so that a wrong one shows.
    weight *= torch.rand((outputs, inputs // 32, 1), generator=generator)
    linear.weight.data = weight.view(outputs, inputs)
    return linear.to(device)


def check(linear: Linear4bit | list[Linear4bit], weight: Nf4Weight, rows: int, dtype: torch.dtype) -> None:
    """Compares with bitsandbytes' own unpacking and a product in float32, as exactly as rounding allows.

    The result is rounded once, by half a unit in its last place. Each of its terms has been rounded too, with
    the value that its code stands for, and as the inputs are random these errors add up like a random walk:
    its spread is at most one term's largest error times the root of the terms' squares, and six times that
    is never reached. The rest, sums in float32, is far less.
    """
    layers = linear if isinstance(linear, list) else [linear]
    unpacked = torch.cat([dequantize_4bit(one.weight.data, one.weight.quant_state).float() for one in layers])
    x = torch.randn(rows, unpacked.shape[1], generator=torch.Generator().manual_seed(rows))
    x = x.to(unpacked.device, dtype)
    out = torch.full((rows, unpacked.shape[0]), float("nan"), device=x.device, dtype=dtype)
    nf4_linear(x, weight, out)
    expected = x.float() @ unpacked.T
    values = get_4bit_type("nf4", device="cpu")
    rounded = values.to(dtype).float()
    of_a_term = ((rounded - values).abs() / values.abs().clamp(min=1e-6)).max().item()
    walk = (x.float().square() @ unpacked.square().T).sqrt()
    allowed = expected.abs() * torch.finfo(dtype).eps / 2 + walk * (6 * of_a_term + 1e-5)
    assert ((out.float() - expected).abs() <= allowed).all()


@settings(max_examples=40 if ON_GPU else 20, deadline=None, derandomize=True)
@given(
    outputs=st.integers(2, 5000 if ON_GPU else 200),
    blocks=st.sampled_from(BLOCKS),
    rows=st.just(1) | st.integers(1, MOST_ROWS),
    nested=st.booleans(),
    dtype=st.sampled_from(TYPES),
    tiles=st.sampled_from(PORTABLE),
)
def test_it_equals_unpacking_and_multiplying(
    outputs: int,
    blocks: int,
    rows: int,
    nested: bool,
    dtype: torch.dtype,
    tiles: nf4_portable.Tiles | None,
    device: torch.device,
) -> None:
    linear = quantised(outputs, blocks * BLOCK_SIZE, device, nested=nested)
    chosen = {} if tiles is None else dict.fromkeys(nf4_portable.TILES, tiles)
    with (
        mock.patch.dict(nf4_portable.TILES, chosen),
        mock.patch.object(nf4_hopper, "can_multiply", return_value=False),
    ):
        check(linear, Nf4Weight.of(linear), rows, dtype)


@pytest.mark.skipif(not ON_HOPPER, reason="no Hopper GPU")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    outputs=st.integers(2, 5000),
    chunks=st.integers(1, 50),
    rows=st.just(1) | st.integers(1, MOST_ROWS),
    dtype=st.sampled_from(TYPES),
    tiles=st.sampled_from(HOPPER),
)
def test_the_kernel_for_hopper_does_too(
    outputs: int,
    chunks: int,
    rows: int,
    dtype: torch.dtype,
    tiles: nf4_hopper.Tiles | None,
    device: torch.device,
) -> None:
    linear = quantised(outputs, 4 * chunks * BLOCK_SIZE, device)
    weight = Nf4Weight.of(linear)
    chosen = {} if tiles is None else dict.fromkeys(nf4_hopper.TILES, tiles)
    assert nf4_hopper.can_multiply(torch.empty(1, dtype=dtype, device=device), weight)
    with mock.patch.dict(nf4_hopper.TILES, chosen):
        check(linear, weight, rows, dtype)


@pytest.mark.parametrize("rows", [1, 3])
def test_layers_with_the_same_input_are_stacked(rows: int, device: torch.device) -> None:
    layers = [quantised(outputs, 3 * BLOCK_SIZE, device) for outputs in (7, 130)]
    check(layers, Nf4Weight.stack([Nf4Weight.of(one) for one in layers]), rows, TYPES[0])


def test_the_packed_weight_is_not_copied(device: torch.device) -> None:
    linear = quantised(6, BLOCK_SIZE, device)
    assert Nf4Weight.of(linear).packed.data_ptr() == linear.weight.data_ptr()


def test_what_it_cannot_read_is_refused(device: torch.device) -> None:
    with pytest.raises(ValueError, match="fp4"):
        Nf4Weight.of(quantised(8, BLOCK_SIZE, device, quant_type="fp4"))
    with pytest.raises(ValueError, match="96"):
        Nf4Weight.of(quantised(8, 96, device))


@pytest.mark.parametrize(("inputs", "kind"), [(96, "nf4"), (BLOCK_SIZE, "fp4")])
def test_a_layer_that_it_cannot_read_is_left_to_bitsandbytes(
    device: torch.device, inputs: int, kind: str
) -> None:
    linear = quantised(8, inputs, device, quant_type=kind)
    linear.support_avx512bf16_for_cpu = False
    with mock.patch.object(dispatch, "uses_kernels", return_value=True):
        product = projection(linear)
    x = torch.randn((2, inputs), device=device)
    assert torch.equal(product(x), linear(x))


@pytest.mark.skipif(not ON_GPU, reason="no GPU")
@pytest.mark.parametrize("rows", [1, 2, 32, 64])
@pytest.mark.parametrize(("outputs", "inputs"), [(12288, 4096), (4096, 11008), (22016, 4096)])
def test_it_is_right_at_the_size_of_the_9b_model(
    outputs: int, inputs: int, rows: int, device: torch.device
) -> None:
    linear = quantised(outputs, inputs, device)
    check(linear, Nf4Weight.of(linear), rows, torch.bfloat16)


@pytest.mark.skipif(not ON_GPU, reason="no GPU")
@pytest.mark.parametrize("rows", [1, 8])
def test_it_is_captured_in_a_graph(rows: int, device: torch.device) -> None:
    linear = quantised(4096, 4096, device)
    weight = Nf4Weight.of(linear)
    x = torch.zeros(rows, 4096, device=device, dtype=torch.bfloat16)
    out = torch.empty_like(x)
    nf4_linear(x, weight, out)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        nf4_linear(x, weight, out)
    x.normal_()
    graph.replay()
    expected = torch.empty_like(out)
    nf4_linear(x, weight, expected)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
