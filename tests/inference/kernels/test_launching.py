from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

from inference.kernels import launching


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
