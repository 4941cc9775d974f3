"""What a checkpoint folder holds and whether it is complete, read from its files without loading it."""

from __future__ import annotations

import importlib.util
import json
import math
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.errors import CheckpointError

Quantization = Literal["none", "8bit", "4bit"]
"""How weights are held on the device: in the type of the arithmetic, or packed by bitsandbytes."""
QUANTIZATIONS: tuple[Quantization, ...] = ("none", "8bit", "4bit")

# (index of the shards, the one file of a checkpoint without shards); what stands first is preferred.
WEIGHT_FILES = (
    ("model.safetensors.index.json", "model.safetensors"),
    ("pytorch_model.bin.index.json", "pytorch_model.bin"),
)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")
# https://github.com/huggingface/safetensors#format; types of eight bits or fewer are only met quantised.
SAFETENSORS_ITEM_BYTES = {
    "F64": 8,
    "I64": 8,
    "F32": 4,
    "I32": 4,
    "F16": 2,
    "BF16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a weight file: its shape, and its size there in bytes."""

    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """A folder that holds an IDEFICS checkpoint with all the files that it should have."""

    folder: Path
    config: Mapping[str, Any]
    """The contents of config.json."""
    weights: tuple[Path, ...]
    tensors: Mapping[str, StoredTensor]
    """By their names in the weight files."""

    @property
    def size(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(tensor.size for tensor in self.tensors.values())

    @property
    def is_quantized(self) -> bool:
        """Whether the weights were quantised before they were saved."""
        return "quantization_config" in self.config


def inspect_checkpoint(folder: Path) -> CheckpointFiles:
    """Reads what is in `folder`: the configuration and the heads of the weight files.

    Raises:
        CheckpointError: it is not IDEFICS, or quantised in a way that cannot be read, or a file is missing or
            damaged; the message names the file.
    """
    config = _read_json(folder, "config.json")
    model_type = config.get("model_type")
    if model_type != "idefics":
        raise CheckpointError(
            f"{folder} holds a model of type {model_type!r}, not IDEFICS: "
            "use a checkpoint such as HuggingFaceM4/idefics-9b-instruct."
        )
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise CheckpointError(f"{folder} has no tokenizer: {' or '.join(TOKENIZER_FILES)} is missing.")
    if "quantization_config" in config:
        _check_quantization(folder, config["quantization_config"])
    weights = _weight_files(folder)
    tensors: dict[str, StoredTensor] = {}
    for path in weights:
        tensors.update(_stored_tensors(path))
    return CheckpointFiles(folder, config, weights, tensors)


def check_tensors(files: CheckpointFiles, expected: Mapping[str, Sequence[int]]) -> None:
    """Compares the stored tensors with the names and shapes that the configuration asks for.

    Tensors that the model does not have are ignored: checkpoints of 2023 hold `rotary_emb.inv_freq`.

    Raises:
        CheckpointError: tensors are missing or have another shape.
    """
    missing = sorted(name for name in expected if name not in files.tensors)
    if missing:
        raise CheckpointError(
            f"{files.folder} is incomplete: {len(missing)} of the {len(expected)} tensors are missing, "
            f"such as {missing[0]}. Download it again."
        )
    if files.is_quantized:
        return  # Packed weights have shapes of their own.
    for name, shape in expected.items():
        stored = files.tensors[name].shape
        if stored != tuple(shape):
            raise CheckpointError(
                f"{files.folder} does not fit its config.json: {name} has the shape {list(stored)}, "
                f"expected was {list(shape)}."
            )


def _check_quantization(folder: Path, quantized: object) -> None:
    method = quantized.get("quant_method") if isinstance(quantized, dict) else quantized
    if method != "bitsandbytes":
        raise CheckpointError(
            f"{folder} was quantised by {method!r}, and only bitsandbytes' weights can be read: use the "
            "checkpoint that was not quantised."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(
            f"{folder} was quantised by bitsandbytes: install it with `pip install bitsandbytes`."
        )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} is not a complete checkpoint: {name} is missing.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: download the checkpoint again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold a JSON object: download the checkpoint again.")
    return content


def _weight_files(folder: Path) -> tuple[Path, ...]:
    for index, single in WEIGHT_FILES:
        if (folder / index).is_file():
            weight_map = _read_json(folder, index).get("weight_map")
            named = weight_map.values() if isinstance(weight_map, dict) else ()
            if not named or not all(isinstance(name, str) for name in named):
                raise CheckpointError(f"{folder / index} lists no weights: download the checkpoint again.")
            names = sorted(set(named))
            missing = [name for name in names if not (folder / name).is_file()]
            if missing:
                raise CheckpointError(
                    f"{folder} is incomplete: {len(missing)} of its {len(names)} weight files are missing "
                    f"({', '.join(missing)}). Download it again."
                )
            return tuple(folder / name for name in names)
        if (folder / single).is_file():
            return (folder / single,)
    raise CheckpointError(
        f"{folder} is not a complete checkpoint: it has no weights (model.safetensors or pytorch_model.bin)."
    )


def _stored_tensors(path: Path) -> dict[str, StoredTensor]:
    try:
        return _safetensors(path) if path.suffix == ".safetensors" else _torch_tensors(path)
    except Exception as error:  # a damaged file can raise anything
        raise CheckpointError(f"{path} is damaged or incomplete: download it again.") from error


def _safetensors(path: Path) -> dict[str, StoredTensor]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > path.stat().st_size - 8:
            raise ValueError("the header is cut off")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    tensors: dict[str, StoredTensor] = {}
    end = 0
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if stop - start != math.prod(shape) * SAFETENSORS_ITEM_BYTES.get(entry["dtype"], 1):
            raise ValueError(f"{name} has {stop - start} bytes, which its shape contradicts")
        tensors[name] = StoredTensor(shape, stop - start)
        end = max(end, stop)
    if path.stat().st_size != 8 + length + end:
        raise ValueError(f"the file has {path.stat().st_size} bytes, its header speaks of {8 + length + end}")
    return tensors


def _torch_tensors(path: Path) -> dict[str, StoredTensor]:
    import torch

    state = torch.load(path, map_location="meta", weights_only=True, mmap=zipfile.is_zipfile(path))
    return {
        name: StoredTensor(tuple(tensor.shape), tensor.numel() * tensor.element_size())
        for name, tensor in state.items()
        if isinstance(tensor, torch.Tensor)
    }
