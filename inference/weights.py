"""Putting a checkpoint's weights into a model on a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from transformers.initialization import no_init_weights
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference.checkpoint import CheckpointFiles, Quantization
from inference.errors import CheckpointError
from inference.progress import LOADING_WEIGHTS, Progress, ReportProgress, weight_progress

if TYPE_CHECKING:
    from transformers.models.idefics.configuration_idefics import IdeficsConfig

SMALL_BYTES = 2**30
"""Up to here weights go into a model on the CPU directly. transformers' way, over the meta device, imports
torch's compiler, which takes longer than everything else in starting a small model."""


def build_empty(config: IdeficsConfig, device: torch.device) -> IdeficsForVisionText2Text:
    """The model in float32 with weights of no particular values; on the meta device without memory."""
    with torch.device(device), no_init_weights():
        return IdeficsForVisionText2Text(config)


@torch.no_grad()
def fill(
    model: IdeficsForVisionText2Text, files: CheckpointFiles, dtype: torch.dtype, report: ReportProgress
) -> None:
    """Puts all weights of a checkpoint into `model` as `dtype`."""
    weights = dict(model.named_parameters())
    for weight in weights.values():
        # Not model.to(dtype), which would round the frequencies of the position embedding too.
        weight.data = torch.empty_like(weight, dtype=dtype)
    done = 0
    for name, tensor in _stored_tensors(files.weights):
        if name in weights:
            weights[name].copy_(tensor)
        done += files.tensors[name].size
        report(Progress(LOADING_WEIGHTS, done, files.size))


def load_by_transformers(
    files: CheckpointFiles,
    config: IdeficsConfig,
    quantization: Quantization,
    dtype: torch.dtype,
    device: torch.device | None,
    report: ReportProgress,
) -> IdeficsForVisionText2Text:
    """A model on `device`, or spread over all accelerators for None; quantised on the way if asked for.

    Raises:
        CheckpointError: the device ran out of memory.
    """
    arguments: dict[str, Any] = {"device_map": "auto" if device is None else {"": device}}
    if quantization != "none":
        arguments["quantization_config"] = quantization_config(quantization, dtype)
    sizes = {name: tensor.size for name, tensor in files.tensors.items()}
    try:
        with weight_progress(sizes, report):
            model = IdeficsForVisionText2Text.from_pretrained(
                files.folder,
                config=config,
                dtype=dtype,
                use_safetensors=files.weights[0].suffix == ".safetensors",
                **arguments,
            )
    except torch.OutOfMemoryError as error:
        raise CheckpointError(
            "The device ran out of memory while the checkpoint was loaded: end what else uses it, or load "
            "with quantization='4bit'."
        ) from error
    if getattr(model, "is_loaded_in_4bit", False):
        keep_4bit_as_stored(model)
    return model


def _stored_tensors(paths: tuple[Path, ...]) -> Iterator[tuple[str, torch.Tensor]]:
    for path in paths:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a dict
                    yield name, file.get_tensor(name)
        else:
            yield from torch.load(path, map_location="cpu", weights_only=True).items()


def quantization_config(quantization: Quantization, dtype: torch.dtype) -> object:
    """transformers' configuration; `dtype` is that of the arithmetic (float32, a slow one, by default)."""
    from transformers.utils.quantization_config import BitsAndBytesConfig

    # The default of llm_int8_skip_modules keeps the output head as it is; naming modules would lose that.
    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def keep_4bit_as_stored(model: IdeficsForVisionText2Text) -> None:
    """Keeps bitsandbytes from repacking 4-bit weights on CPUs with AVX512-BF16.

    The first forward pass would do that in place with other rounding (logits moved by 1.4), and it fails
    unless all dimensions are multiples of 64.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit) and module.weight.device.type == "cpu":
            module.support_avx512bf16_for_cpu = False
