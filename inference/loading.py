"""From a checkpoint to a model: finding it, checking what it is, putting it on the device."""

from __future__ import annotations

import importlib.util
import os.path
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference import garbage
from inference.checkpoint import (
    QUANTIZATIONS,
    CheckpointFiles,
    Quantization,
    check_tensors,
    inspect_checkpoint,
)
from inference.errors import CheckpointError, OptionsError
from inference.preprocessing import Preprocessor
from inference.progress import ReportProgress
from inference.tokenizer import load_tokenizer

# torch and transformers take seconds to import: that happens on the engine's thread, inside the functions.
if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase
    from transformers.models.idefics.configuration_idefics import IdeficsConfig
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

DEMO = "demo"
DEMO_FOLDER = Path(__file__).parent / "demo" / "checkpoint"
HIDDEN_SIZE_80B = 8192


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """Everything that an engine needs, on the device."""

    model: IdeficsForVisionText2Text
    tokenizer: PreTrainedTokenizerBase
    preprocessor: Preprocessor


def load_checkpoint(
    checkpoint: str | Path,
    *,
    quantization: Quantization = "none",
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
    progress: ReportProgress = lambda _: None,
) -> LoadedCheckpoint:
    """Loads a checkpoint on the calling thread; arguments and errors as in `load_engine`."""
    from inference.lean_import import import_transformers

    import_transformers()
    import torch

    from inference.devices import choose_device, choose_dtype
    from inference.memory import check_fits, needed_bytes, one_with_room, working_bytes
    from inference.weights import SMALL_BYTES, build_empty, fill, load_by_transformers

    if quantization not in QUANTIZATIONS:
        raise OptionsError(f"quantization must be one of {', '.join(QUANTIZATIONS)}, not {quantization!r}.")
    if quantization != "none" and importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(
            f"{quantization} needs bitsandbytes: install it with `pip install bitsandbytes`."
        )
    target = choose_device(device)
    arithmetic = choose_dtype(dtype, target, small=checkpoint == DEMO)

    if target is None or target.type != "cpu":
        garbage.collect()  # An engine that was closed is a web of objects that know each other.
    files = inspect_checkpoint(_folder_of(checkpoint, progress))
    preprocessor = Preprocessor.from_checkpoint(files.folder)
    tokenizer = load_tokenizer(files.folder)
    config = _configuration(files)
    if arithmetic == torch.float16 and config.hidden_size >= HIDDEN_SIZE_80B:
        raise CheckpointError("IDEFICS 80B gives garbage in float16, its values overflow: use bfloat16.")
    _check_parts(tokenizer, preprocessor, config)
    directly = (
        target is not None
        and target.type == "cpu"
        and quantization == "none"
        and not files.is_quantized
        and files.size < SMALL_BYTES
    )
    try:
        model = build_empty(config, torch.device("cpu" if directly else "meta"))
    except Exception as error:  # each part of the model has its own errors for numbers that it cannot be
        raise _impossible(files, error) from error
    check_tensors(files, {name: weight.shape for name, weight in model.named_parameters()})
    if target is None:
        target = one_with_room(
            files.size + working_bytes(config, arithmetic)
            if files.is_quantized
            else needed_bytes(model, quantization, arithmetic)
        )
    if not files.is_quantized:
        check_fits(model, quantization, arithmetic, target)
    if directly:
        fill(model, files, arithmetic, progress)
    else:
        model = load_by_transformers(files, config, quantization, arithmetic, target, progress)
    return LoadedCheckpoint(model.eval(), tokenizer, preprocessor)


def adopt_model(model: IdeficsForVisionText2Text, tokenizer: PreTrainedTokenizerBase) -> LoadedCheckpoint:
    """A model that was built elsewhere, with CLIP's preprocessing."""
    return LoadedCheckpoint(model.eval(), tokenizer, Preprocessor(size=model.config.vision_config.image_size))


def _folder_of(checkpoint: str | Path, progress: ReportProgress) -> Path:
    if checkpoint == DEMO:
        return DEMO_FOLDER
    folder = Path(os.path.expanduser(checkpoint))  # pathlib raises where there is no such user
    if os.path.isdir(folder):  # and where a name is too long
        return folder
    if isinstance(checkpoint, Path) or folder.is_absolute() or str(checkpoint).startswith((".", "~")):
        raise CheckpointError(
            f"There is no folder {checkpoint}: name a checkpoint's folder, or one on the hub."
        )
    from inference.hub import fetch_checkpoint

    return fetch_checkpoint(checkpoint, progress)


def _configuration(files: CheckpointFiles) -> IdeficsConfig:
    from transformers.models.idefics.configuration_idefics import IdeficsConfig

    try:
        config = IdeficsConfig.from_pretrained(files.folder)
        for name in ("num_hidden_layers", "max_position_embeddings"):
            if getattr(config, name) < 1:
                raise ValueError(f"{name} is {getattr(config, name)}")
    except Exception as error:
        raise _impossible(files, error) from error
    return config


def _impossible(files: CheckpointFiles, error: Exception) -> CheckpointError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return CheckpointError(
        f"{files.folder / 'config.json'} has impossible values ({reason}): download the checkpoint again."
    )


def _check_parts(
    tokenizer: PreTrainedTokenizerBase, preprocessor: Preprocessor, config: IdeficsConfig
) -> None:
    """Makes sure that the tokenizer and the preprocessing are the model's own."""
    size = config.vocab_size + config.additional_vocab_size
    if len(tokenizer) > size:
        raise CheckpointError(
            f"The tokenizer has {len(tokenizer):,} tokens and the model {size:,}: they belong to different "
            "checkpoints."
        )
    pixels = config.vision_config.image_size
    if preprocessor.size != pixels:
        raise CheckpointError(
            f"preprocessor_config.json makes pictures of {preprocessor.size} pixels and the model takes "
            f"{pixels}: they belong to different checkpoints."
        )
