"""What a checkpoint needs of the device's memory, worked out before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from inference.checkpoint import QUANTIZATIONS, Quantization
from inference.errors import CheckpointError

if TYPE_CHECKING:
    from transformers.models.idefics.configuration_idefics import IdeficsConfig
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

# NF4 packs two weights in a byte and adds one float32 scale for every 64 (bitsandbytes' default block);
# LLM.int8 has one byte a weight (and a scale for each row, which vanishes beside it).
BYTES_PER_QUANTIZED_WEIGHT = {"4bit": 0.5 + 4 / 64, "8bit": 1.0}
# Kernels, the allocator's own rounding and one prompt's activations.
OVERHEAD_BYTES = 512 * 2**20
GB = 1e9


def weight_bytes(model: IdeficsForVisionText2Text, quantization: Quantization, dtype: torch.dtype) -> int:
    """Bytes of `model`'s weights on the device. The model may be on the meta device.

    Quantised are all linear layers but those of the output head, as transformers does by default.
    """
    quantized = set[int]()
    if quantization != "none":
        quantized = {
            id(module.weight)
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and not name.startswith("lm_head")
        }
    total = 0.0
    for parameter in model.parameters():
        one = BYTES_PER_QUANTIZED_WEIGHT[quantization] if id(parameter) in quantized else dtype.itemsize
        total += parameter.numel() * one
    return int(total)


def working_bytes(config: IdeficsConfig, dtype: torch.dtype) -> int:
    """Bytes that one sequence of the full context needs beside the weights: keys, values, activations."""
    keys_and_values = 2 * config.num_hidden_layers * config.hidden_size * config.max_position_embeddings
    return int(keys_and_values) * dtype.itemsize + OVERHEAD_BYTES


def needed_bytes(model: IdeficsForVisionText2Text, quantization: Quantization, dtype: torch.dtype) -> int:
    """Bytes that the model's weights and one sequence of the full context take."""
    return weight_bytes(model, quantization, dtype) + working_bytes(model.config, dtype)


def accelerators() -> list[torch.device]:
    """All of this machine's, of the kind that torch has chosen; there is at least one."""
    kind = torch.accelerator.current_accelerator()
    assert kind is not None, "None stands for accelerators, so there is one"
    return [torch.device(kind.type, index) for index in range(torch.accelerator.device_count())]


def one_with_room(needed: int) -> torch.device | None:
    """The accelerator with most memory free if `needed` bytes fit there, else None: all of them together.

    On one device a step is recorded and replayed whole; spread over several it is started kernel by kernel.
    """
    roomiest = max(accelerators(), key=free_bytes)
    return roomiest if needed <= free_bytes(roomiest) else None


def free_bytes(device: torch.device | None) -> int:
    """Free memory of `device`, or of all accelerators of this machine together for None.

    What torch keeps of what was in use counts as free, and is given up for that.
    """
    if device is None:
        return sum(map(free_bytes, accelerators()))
    if device.type == "cpu":
        import psutil

        return int(psutil.virtual_memory().available)
    torch.cuda.empty_cache()  # without effect on other accelerators
    free, _ = torch.accelerator.get_memory_info(device)
    return int(free)


def check_fits(
    model: IdeficsForVisionText2Text,
    quantization: Quantization,
    dtype: torch.dtype,
    device: torch.device | None,
) -> None:
    """Makes sure that `model` (on the meta device) would fit.

    Raises:
        CheckpointError: it would not; the message says how much is missing and what would fit.
    """
    free = free_bytes(device)
    needed = {each: needed_bytes(model, each, dtype) for each in QUANTIZATIONS}
    if needed[quantization] <= free:
        return
    smaller = QUANTIZATIONS[QUANTIZATIONS.index(quantization) + 1 :]
    fitting = next((each for each in smaller if needed[each] <= free), None)
    if fitting is not None:
        advice = f"quantization={fitting!r} needs {needed[fitting] / GB:.1f} GB and would fit."
    else:
        least = needed[QUANTIZATIONS[-1]] / GB
        advice = f"No quantisation would fit, they need {least:.1f} GB or more: use a smaller checkpoint."
    raise CheckpointError(
        f"The model needs {needed[quantization] / GB:.1f} GB of memory, {free / GB:.1f} GB are free: "
        f"{(needed[quantization] - free) / GB:.1f} GB are missing. {advice}"
    )
