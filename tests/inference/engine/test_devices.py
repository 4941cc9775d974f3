"""Layers on several GPUs: everything lies where it is computed with. No GPU is needed to see that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference.engine import dispatch, layout, weights
from inference.engine.attention import Attention, DecodeAttention
from inference.engine.crew import Crew
from inference.engine.gathered import GatheredAttention, Runs, Seen
from inference.engine.layout import Chunk
from inference.engine.model import Decoder
from inference.engine.pages import PagedLayer, PagedLayers
from inference.engine.prefill import Prefill
from tests.inference.checkpoints import small_config

FIRST, SECOND = torch.device("cuda:0"), torch.device("cuda:1")
VOCABULARY = 483


class WithoutGpu(TorchFunctionMode):
    """Works out what indexing and the like give, for which torch itself would want the GPU."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.Tensor.copy_:
            return args[0]
        if func is not torch.Tensor.__getitem__:
            return func(*args, **(kwargs or {}))
        x, index = args
        index = index if isinstance(index, tuple) else (index,)
        dim = 0
        for each in index:
            if each is ...:
                dim = x.dim() - (len(index) - 1 - index.count(None))
                continue
            if each is None:
                x = x.unsqueeze(dim)
            elif isinstance(each, slice):
                x = torch.ops.aten.slice.Tensor(x, dim, each.start, each.stop, each.step or 1)
            elif isinstance(each, int):
                x = x.select(dim, each)
                continue
            else:
                on_one_device(x, each)
                x = torch.ops.aten.index.Tensor(x, [None] * dim + [each])
            dim += 1
        return x


def on_one_device(*tensors: object) -> None:
    devices = {each.device for each in tensors if isinstance(each, torch.Tensor)}
    assert len(devices) == 1, devices


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[IdeficsForVisionText2Text]:
    """Without values; the second half of its layers, norm and head on the second GPU, as `auto` has it."""
    if torch.cuda.is_available():
        pytest.skip("torch would want both GPUs")

    def uploaded(values: torch.Tensor, device: torch.device) -> torch.Tensor:
        return torch.empty(values.shape, dtype=values.dtype, device=device)

    monkeypatch.setattr(layout, "upload", uploaded)
    monkeypatch.setattr(weights, "fuse", lambda parameters: torch.cat([each.data for each in parameters]))
    with FakeTensorMode(), WithoutGpu(), torch.no_grad():
        made = IdeficsForVisionText2Text(small_config(qk_layer_norms=True)).eval()
        put(made, FIRST)
        decoder = made.model
        for part in (*decoder.layers[2:], *decoder.gated_cross_attn_layers[1:], decoder.norm, made.lm_head):
            put(part, SECOND)
        yield made


def put(module: nn.Module, device: torch.device) -> None:
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty_like(weight, device=device)))
        for name, values in part.named_buffers(recurse=False):
            setattr(part, name, torch.empty_like(values, device=device))


def of(model: IdeficsForVisionText2Text) -> tuple[Decoder, list[PagedLayer], list[PagedLayer]]:
    decoder = Decoder(model)
    assert decoder.device == FIRST
    assert decoder.devices == {FIRST, SECOND}
    layers = [
        decoder.pages([each.device for each in some], 9).layers
        for some in (decoder.layers, decoder.cross_layers)
    ]
    return decoder, layers[0], layers[1]


CHUNKS = [Chunk([5] * 20, 3, [1, 2], [0] * 5 + [1] * 15, 1), Chunk([6, 7], 0, [3], [0, 0], 1)]


def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of Triton's, which do not look where their arguments lie."""
    pytest.importorskip("triton", reason="Triton is not installed")
    from inference.kernels import fused, linear, paged_attention, prefill_attention

    def rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float, **others: Any) -> Any:
        on_one_device(x, weight, *others.values())
        return torch.empty_like(x), torch.empty_like(x)

    def product(x: torch.Tensor, weight: torch.Tensor, *, gated: bool = False) -> torch.Tensor:
        on_one_device(x, weight)
        return x.new_empty(len(x), len(weight) // (2 if gated else 1))

    def rotate_and_store(qkv: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        on_one_device(qkv, *others)
        return qkv.new_empty(len(qkv), *qkv.shape[2:])

    def attend(*tensors: torch.Tensor, **_: bool) -> None:
        on_one_device(*tensors)

    monkeypatch.setattr(dispatch, "uses_kernels", lambda x: x.is_cuda)
    monkeypatch.setattr(fused, "rms_norm", rms_norm)
    monkeypatch.setattr(fused, "rotate_and_store", rotate_and_store)
    monkeypatch.setattr(linear, "linear", product)
    monkeypatch.setattr(paged_attention, "paged_decode_attention", attend)
    monkeypatch.setattr(prefill_attention, "paged_prefill_attention", attend)


def test_prompts_are_read_with_kernels(
    model: IdeficsForVisionText2Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels(monkeypatch)
    decoder, own, pictures = of(model)
    passes = Prefill(decoder, own, pictures, Crew(1), context=64, latents=4, graphs=False)
    logits = passes.read(CHUNKS)
    assert (logits.device, tuple(logits.shape)) == (FIRST, (2, VOCABULARY))


def test_each_layers_pages_lie_where_the_layer_does(model: IdeficsForVisionText2Text) -> None:
    devices = [SECOND, FIRST, FIRST, SECOND]
    layers = Decoder(model).pages(devices, 2).layers
    assert [layer.keys.device for layer in layers] == [layer.values.device for layer in layers] == devices


def test_a_step_is_computed(model: IdeficsForVisionText2Text, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels(monkeypatch)
    seen = DecodeAttention(numbers(3, 4), numbers(3), numbers(3), numbers(3, 1), numbers(3))
    assert computed(model, 3, seen) == (FIRST, (3, VOCABULARY))


def test_prompts_are_read_without_kernels(
    model: IdeficsForVisionText2Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "uses_kernels", lambda _: False)
    own = Seen(numbers(2, 2), numbers(2, 1, 20, 32).bool(), None, Runs(numbers(2, 20), numbers(22)))
    blind = numbers(22, 1, 1).bool()
    picture = Seen(numbers(3, 1), None, blind, Runs(numbers(3, 15), numbers(22)), keys=4)
    seen = GatheredAttention(numbers(22).long(), own, picture)
    assert computed(model, 22, seen) == (FIRST, (22, VOCABULARY))


def test_a_step_is_computed_without_kernels(
    model: IdeficsForVisionText2Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "uses_kernels", lambda _: False)
    whole = Seen(numbers(3, 2), None, None)
    partly = Seen(numbers(3, 1), numbers(3, 1, 1, 16).bool(), numbers(3, 1, 1).bool())
    seen = GatheredAttention(numbers(3).long(), whole, partly)
    assert computed(model, 3, seen) == (FIRST, (3, VOCABULARY))


def numbers(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.int32, device=FIRST)


def computed(
    model: IdeficsForVisionText2Text, tokens: int, seen: Attention
) -> tuple[torch.device, tuple[int, ...]]:
    """Where logits of so many tokens come out, and their shape."""
    decoder, own, pictures = of(model)
    logits = decoder.logits(decoder.forward(numbers(tokens), numbers(tokens), own, pictures, seen))
    return logits.device, tuple(logits.shape)


def test_what_has_no_device_of_its_own_is_made_where_it_is_needed() -> None:
    """On a GPU without Triton's kernels: here `meta` takes the place of the wrong device."""
    layer = PagedLayer(*torch.randn(2, 3, 16, 2, 8))
    queries, table, lengths = torch.randn(2, 2, 8), torch.tensor([[1, 2], [0, 0]]), torch.tensor([20, 0])
    expected = Seen.by_rows(table, lengths).attend(layer, queries)
    with torch.device("meta"):
        found = Seen.by_rows(table, lengths).attend(layer, queries)
    assert torch.equal(found, expected)


def test_pages_are_copied_and_cleared_in_the_layers_of_all_devices() -> None:
    """Three stacks, as of layers on three devices."""
    devices = [torch.device(name) for name in ("cpu", "cpu", "cpu:0", "cpu")]
    pages = PagedLayers(devices, 6, 2, 4, torch.float32)
    assert len(pages.layers) == 4
    for number, layer in enumerate(pages.layers):
        for tensor, sign in ((layer.keys, 1), (layer.values, -1)):
            tensor.copy_((torch.arange(6) + 10 * number)[:, None, None, None].expand_as(tensor) * sign)
    pages.copy([1, 1, 4], [2, 3, 1])
    pages.clear([5])
    for number, layer in enumerate(pages.layers):
        for tensor, sign in ((layer.keys, 1), (layer.values, -1)):
            expected = torch.tensor([0, 4, 1, 1, 4, 5]) + 10 * number
            expected[5] = 0
            assert torch.equal(tensor, (expected * sign)[:, None, None, None].expand_as(tensor).float())
