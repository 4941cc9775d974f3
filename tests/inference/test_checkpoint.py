from __future__ import annotations

import importlib.util
import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.checkpoint import check_tensors, inspect_checkpoint
from inference.errors import CheckpointError
from tests.inference.checkpoints import write_checkpoint

INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("complete"))


@pytest.fixture
def folder(complete: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(complete, tmp_path / "copy"))


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("model-*.safetensors"))


def test_the_tensors_of_all_shards_are_known(folder: Path) -> None:
    files = inspect_checkpoint(folder)
    stored = {name: tensor for shard in shards(folder) for name, tensor in load_file(shard).items()}
    assert len(files.weights) == len(shards(folder)) > 2
    assert {name: tensor.shape for name, tensor in files.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in stored.items()
    }
    assert files.size == sum(tensor.nbytes for tensor in stored.values())
    assert not files.is_quantized


def test_old_checkpoints_in_torchs_format(folder: Path) -> None:
    stored = {name: tensor for shard in shards(folder) for name, tensor in load_file(shard).items()}
    expected = inspect_checkpoint(folder).tensors
    for path in (*shards(folder), folder / INDEX):
        path.unlink()
    torch.save(stored, folder / "pytorch_model.bin")
    assert inspect_checkpoint(folder).tensors == expected
    whole = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is damaged"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    for path in folder.glob(f"{name}*"):
        path.unlink()
    with pytest.raises(CheckpointError, match=name):
        inspect_checkpoint(folder)


def test_either_tokenizer_file_will_do(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    inspect_checkpoint(folder)


def test_missing_shards_are_named(folder: Path) -> None:
    for shard in shards(folder)[1:3]:
        shard.unlink()
    with pytest.raises(
        CheckpointError, match=r"2 of its \d+ weight files .*model-00002-of-.*model-00003-of-"
    ):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("weight_map", [None, {}, ["x"], {"x": 5}, {"x": ["y"]}, {"x": 5, "y": "z"}])
def test_an_index_that_names_no_files(folder: Path, weight_map: object) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match=f"{INDEX} lists no weights"):
        inspect_checkpoint(folder)


def test_old_weights_that_are_no_table(folder: Path) -> None:
    for path in (*shards(folder), folder / INDEX):
        path.unlink()
    torch.save([torch.ones(2)], folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is damaged"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("quantized", [{"quant_method": "gptq", "bits": 4}, {}, 5])
def test_weights_that_something_else_quantised(folder: Path, quantized: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": quantized}))
    with pytest.raises(CheckpointError, match="only bitsandbytes' weights can be read"):
        inspect_checkpoint(folder)


def test_quantised_weights_need_bitsandbytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((folder / "config.json").read_text())
    quantized = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    (folder / "config.json").write_text(json.dumps(config | quantized))
    assert inspect_checkpoint(folder).is_quantized
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CheckpointError, match="pip install bitsandbytes"):
        inspect_checkpoint(folder)


def test_a_checkpoint_without_weights(folder: Path) -> None:
    for path in (*shards(folder), folder / INDEX):
        path.unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("model_type", ["llama", "idefics2", None])
def test_other_models_are_refused(folder: Path, model_type: str | None) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": model_type}))
    with pytest.raises(CheckpointError, match=f"{model_type}.*not IDEFICS"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", pytest.param(b"[" * 100_000, id="deep")])
def test_a_damaged_configuration(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_shard_that_was_cut_off_is_named(folder: Path, kept: int) -> None:
    shard = shards(folder)[1]
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=f"{shard.name} is damaged"):
        inspect_checkpoint(folder)


@pytest.mark.parametrize(
    "content", ["x", ["x"], {"x": 8}, {"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}]
)
def test_a_header_that_contradicts_itself(folder: Path, content: object) -> None:
    header = json.dumps(content).encode()
    shard = shards(folder)[0]
    shard.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(CheckpointError, match="is damaged"):
        inspect_checkpoint(folder)


def test_missing_and_misshapen_tensors_are_named(folder: Path) -> None:
    files = inspect_checkpoint(folder)
    expected = {name: tensor.shape for name, tensor in files.tensors.items()}
    check_tensors(files, expected)
    with pytest.raises(CheckpointError, match=r"1 of the .* missing, such as model\.extra"):
        check_tensors(files, expected | {"model.extra": (1,)})
    name = next(iter(expected))
    with pytest.raises(CheckpointError, match=rf"{name} has the shape .*\[7\]"):
        check_tensors(files, expected | {name: (7,)})


def test_tensors_that_no_longer_exist_are_ignored(folder: Path) -> None:
    files = inspect_checkpoint(folder)
    expected = {name: tensor.shape for name, tensor in files.tensors.items()}
    shard = shards(folder)[0]
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(load_file(shard) | old, shard, metadata={"format": "pt"})
    check_tensors(inspect_checkpoint(folder), expected)
