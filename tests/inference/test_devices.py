"""How many threads compute, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from inference import devices
from inference.devices import MOST_THREADS, idle_threads, settle_threads
from tests.inference.checkpoints import small_config, small_model


@pytest.fixture(autouse=True)
def as_many_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (64, MOST_THREADS)])
def test_a_small_model_leaves_threads_for_other_parts_of_a_pass(
    monkeypatch: pytest.MonkeyPatch, cores: int, expected: int
) -> None:
    monkeypatch.setattr(devices, "THREADS", cores)
    settle_threads(small_model(small_config()))
    assert torch.get_num_threads() == 1
    assert idle_threads() == expected


def test_a_large_model_takes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    monkeypatch.setattr(devices, "THREADS", 2)
    monkeypatch.setattr(devices, "ONE_THREAD_BYTES", 1)
    settle_threads(small_model(small_config()))
    assert torch.get_num_threads() == 2
    assert idle_threads() == 1
