from __future__ import annotations

import pytest
import torch
from transformers.models.idefics.configuration_idefics import IdeficsConfig
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import memory
from inference.checkpoint import Quantization
from inference.errors import CheckpointError
from inference.memory import check_fits, weight_bytes
from inference.random_weights import config_of_shape
from inference.weights import build_empty
from tests.inference.checkpoints import small_config, small_model

CPU = torch.device("cpu")
GB = 10**9


@pytest.fixture(scope="module")
def nine_billion() -> IdeficsForVisionText2Text:
    return build_empty(config_of_shape("9b"), torch.device("meta"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_need_what_they_take(dtype: torch.dtype) -> None:
    model = small_model(small_config(qk_layer_norms=True)).to(dtype)
    taken = sum(weight.untyped_storage().nbytes() for weight in model.parameters())
    assert weight_bytes(model, "none", dtype) == taken


@pytest.mark.parametrize(("quantization", "gigabytes"), [("none", 18), ("8bit", 10), ("4bit", 6)])
def test_the_9b_checkpoint_needs_about_what_people_report(
    nine_billion: IdeficsForVisionText2Text, quantization: Quantization, gigabytes: int
) -> None:
    assert weight_bytes(nine_billion, quantization, torch.bfloat16) / GB == pytest.approx(gigabytes, rel=0.15)


@pytest.mark.parametrize(
    ("free", "quantization", "words"),
    [
        (15, "none", r"8bit.* would fit"),
        (8, "none", r"4bit.* would fit"),
        (8, "8bit", r"4bit.* would fit"),
        (3, "none", "No quantisation would fit"),
        (3, "4bit", "No quantisation would fit"),
    ],
)
def test_what_does_not_fit_is_refused_with_advice(
    nine_billion: IdeficsForVisionText2Text,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    quantization: Quantization,
    words: str,
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: free * GB)
    with pytest.raises(CheckpointError, match=words) as caught:
        check_fits(nine_billion, quantization, torch.bfloat16, CPU)
    needed = weight_bytes(nine_billion, quantization, torch.bfloat16) / GB
    sentence = str(caught.value)
    assert f"{free}.0 GB are free" in sentence
    missing = float(sentence.split(" GB are missing")[0].split()[-1])
    assert needed - free < missing < needed - free + 2.5


def test_what_fits_is_accepted(
    nine_billion: IdeficsForVisionText2Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 24 * GB)
    check_fits(nine_billion, "none", torch.bfloat16, CPU)


def test_the_machines_own_memory_is_known() -> None:
    assert 10**7 < memory.free_bytes(CPU) < 10**14


def test_a_large_shape_costs_nothing_on_the_meta_device() -> None:
    config: IdeficsConfig = config_of_shape("80b")
    assert weight_bytes(build_empty(config, torch.device("meta")), "none", torch.bfloat16) / GB > 150


def test_a_model_goes_where_it_fits_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    free = {first: 20 * GB, second: 70 * GB}
    monkeypatch.setattr(memory, "accelerators", lambda: list(free))
    monkeypatch.setattr(memory, "free_bytes", lambda device: free[device])
    assert memory.one_with_room(60 * GB) == second
    assert memory.one_with_room(80 * GB) is None
