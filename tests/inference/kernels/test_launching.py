from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import fused, launching, linear, nf4, paged_attention, prefill_attention


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    launching._can.cache_clear()
    yield
    launching._can.cache_clear()


@pytest.mark.parametrize(
    ("capability", "hip", "overlaps"),
    [((9, 0), None, True), ((12, 0), None, True), ((8, 9), None, False), ((9, 4), "6.4", False)],
)
def test_kernels_overlap_from_hopper_on_and_on_no_gpu_of_amd(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], hip: str | None, overlaps: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.version, "hip", hip)
    x = mock.Mock(spec=torch.Tensor, is_cuda=True, device=torch.device("cuda", 7))
    expected = {"PDL": True, "launch_pdl": True} if overlaps else {"PDL": False}
    assert launching.overlapping(x) == expected


def test_nothing_overlaps_on_a_cpu() -> None:
    assert launching.overlapping(torch.zeros(1)) == {"PDL": False}


def test_kernels_are_started_where_their_first_argument_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton would start them on the current device."""
    current: list[object] = ["the first"]

    @contextmanager
    def device(chosen: torch.device) -> Iterator[None]:
        current.append(chosen)
        yield
        current.pop()

    @launching.on_its_device
    def start(x: torch.Tensor, *, other: int) -> tuple[object, int]:
        return current[-1], other

    monkeypatch.setattr(torch.cuda, "device", device)
    seventh = torch.device("cuda", 7)
    there = mock.Mock(spec=torch.Tensor, is_cuda=True, device=seventh)
    assert start(there, other=3) == (seventh, 3)
    assert start(torch.zeros(1), other=4) == ("the first", 4)


def test_all_that_starts_kernels_does_so_where_its_arguments_lie() -> None:
    starting = {
        fused.rms_norm,
        fused.silu_product,
        fused.rotate_and_store,
        linear.linear,
        nf4.nf4_linear,
        paged_attention.paged_decode_attention,
        prefill_attention.paged_prefill_attention,
    }
    assert all("on_its_device" in start.__code__.co_qualname for start in starting)
