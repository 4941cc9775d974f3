"""How a device's memory is shared out: never so that nothing is left to compute with."""

from __future__ import annotations

import pytest
import torch

from inference import EngineSettings
from inference.engine.budget import CPU_CONTEXT_BYTES, CPU_PICTURE_BYTES, CUDA_WORKING_BYTES, Budget
from inference.engine.machine import Machine
from tests.inference.checkpoints import CONTEXT, small_config, small_model

GIB = 2**30
ONE, OTHER = torch.device("cuda:0"), torch.device("cuda:1")
# Of 9B in 16 bits: keys and values of a page, and of a picture, in one layer.
PAGE, PICTURE = 2 * 16 * 4096 * 2, 2 * 64 * 4096 * 2
LAYERS, CROSS_LAYERS = 32, 8


def taken(budget: Budget, layers: list[torch.device], cross_layers: list[torch.device]) -> dict[str, int]:
    """Bytes on each device, and how many pages and pictures that is."""
    pages, pictures = budget.pages(layers, PAGE), budget.pictures(cross_layers, PICTURE)
    return {"pages": pages, "pictures": pictures} | {
        str(device): pages * PAGE * layers.count(device) + pictures * PICTURE * cross_layers.count(device)
        for device in (ONE, OTHER)
    }


@pytest.mark.parametrize("free", [50, 17, 6, 3])
def test_conversations_and_pictures_leave_room_to_compute(free: int) -> None:
    """What an H100 has left beside 9B in 16 bits; cards of 24, 12 and 8 GB beside 9B in 4 bits."""
    budget = Budget({ONE: free * GIB}, is_cuda=True)
    found = taken(budget, [ONE] * LAYERS, [ONE] * CROSS_LAYERS)
    assert free * GIB - found["cuda:0"] >= CUDA_WORKING_BYTES
    assert found["pages"] * 16 >= 2048  # a whole conversation
    assert found["pictures"] >= 16
    if free > 8:
        assert found["pages"] == free * GIB * 3 // 4 // (PAGE * LAYERS)


def test_of_several_devices_the_one_with_the_least_room_for_its_layers_decides() -> None:
    budget = Budget({ONE: 20 * GIB, OTHER: 60 * GIB}, is_cuda=True)
    even = taken(budget, [ONE] * 16 + [OTHER] * 16, [ONE] * 4 + [OTHER] * 4)
    assert even["cuda:0"] == even["cuda:1"] <= 20 * GIB - CUDA_WORKING_BYTES
    uneven = taken(budget, [ONE] * 8 + [OTHER] * 24, [ONE] * 2 + [OTHER] * 6)
    assert uneven["pages"] > 1.9 * even["pages"]
    assert uneven["cuda:0"] <= 20 * GIB - CUDA_WORKING_BYTES
    assert uneven["cuda:1"] <= 60 * GIB - CUDA_WORKING_BYTES


def test_without_any_room_there_is_none() -> None:
    budget = Budget({ONE: GIB}, is_cuda=True)
    assert budget.pages([ONE] * LAYERS, PAGE) <= 0


def test_on_a_cpu_other_programs_have_most_of_it() -> None:
    cpu = torch.device("cpu")
    for free, context in ((64 * GIB, CPU_CONTEXT_BYTES), (2 * GIB, GIB // 4)):
        budget = Budget({cpu: free}, is_cuda=False)
        assert budget.pages([cpu] * 4, PAGE) == context // (4 * PAGE)
        assert budget.pictures([cpu] * 2, PICTURE) == CPU_PICTURE_BYTES // (2 * PICTURE)


def test_there_is_no_more_than_all_rows_could_fill_twice() -> None:
    machine = Machine(small_model(small_config()), EngineSettings(most_rows=2), ())
    assert machine.memory.pool.size == 2 * 2 * CONTEXT // 16
    tiny = Machine(small_model(small_config()), EngineSettings(context_bytes=1, picture_bytes=1), ())
    assert tiny.memory.pool.size == tiny.memory.pictures.slots == 1
