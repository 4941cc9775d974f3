from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

from inference.errors import CheckpointError
from inference.preprocessing import Preprocessor
from tests.inference.photos import photo

SIZES = [(40, 30), (1, 1), (7, 300), (64, 64), (500, 3)]


@pytest.mark.parametrize("size", [224, 64])
@pytest.mark.parametrize("shape", SIZES)
def test_preprocessing_equals_the_processor(shape: tuple[int, int], size: int) -> None:
    preprocessor = Preprocessor(size)
    values = preprocessor(photo(*shape))
    expected = np.asarray(IdeficsImageProcessorPil(image_size=size)(photo(*shape), return_tensors="np"))
    assert values.dtype == np.float32
    assert values.shape == (3, size, size)
    assert values.flags.c_contiguous
    assert np.array_equal(values[None], expected)


PROCESSED_ALIKE: dict[str, Callable[[], Image.Image]] = {
    "L": lambda: photo().convert("L"),
    "P": lambda: photo().convert("P"),
    "1": lambda: photo().convert("1"),
    "CMYK": lambda: photo().convert("CMYK"),
    "RGBA": lambda: Image.merge("RGBA", (*photo().split(), photo(seed=1).split()[0])),
    "LA": lambda: Image.merge("LA", (photo().split()[0], photo(seed=1).split()[0])),
}


@pytest.mark.parametrize("make", PROCESSED_ALIKE.values(), ids=PROCESSED_ALIKE)
def test_modes_that_the_processor_knows_come_out_alike(make: Callable[[], Image.Image]) -> None:
    expected = np.asarray(IdeficsImageProcessorPil(image_size=32)(make(), return_tensors="np"))
    assert np.array_equal(Preprocessor(32)(make())[None], expected)


def test_preprocessing_with_the_checkpoints_own_values(tmp_path: Path) -> None:
    config = {"image_size": 20, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    processor = IdeficsImageProcessorPil(**config)
    expected = np.asarray(processor(photo(), return_tensors="np"))
    assert np.array_equal(Preprocessor.of(config)(photo())[None], expected)

    processor.save_pretrained(tmp_path)
    assert Preprocessor.from_checkpoint(tmp_path) == Preprocessor.of(config)
    saved_config = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": saved_config}))
    assert Preprocessor.from_checkpoint(tmp_path) == Preprocessor.of(config)


def test_what_the_configuration_leaves_out() -> None:
    assert Preprocessor.of({}) == Preprocessor()
    assert Preprocessor.of({"size": {"height": 8, "width": 8}}).size == 8


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"image_size": "large"}',
        '{"image_mean": 3}',
        '{"image_mean": [1, 2]}',
        '{"image_mean": ["a", "b", "c"]}',
        '{"image_std": [NaN, 1, 1]}',
        '{"image_std": [0, 1, 1]}',
        '{"image_size": 0}',
        '{"image_size": 1e999}',
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_damaged_configurations_are_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(CheckpointError, match="preprocessor_config"):
        Preprocessor.from_checkpoint(tmp_path)


def test_a_checkpoint_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="incomplete"):
        Preprocessor.from_checkpoint(tmp_path)


def test_sizes_that_are_not_square() -> None:
    with pytest.raises(CheckpointError, match="square"):
        Preprocessor.of({"size": {"height": 8, "width": 9}})
