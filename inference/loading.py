"""From a checkpoint to a running engine."""

from __future__ import annotations

import asyncio
import importlib.util
import os.path
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from inference.checkpoint import (
    QUANTIZATIONS,
    CheckpointFiles,
    Quantization,
    check_tensors,
    inspect_checkpoint,
)
from inference.errors import CheckpointError, EngineError, OptionsError
from inference.line import Line
from inference.pictures import Preprocessor
from inference.prepared import PictureDesk
from inference.progress import Progress, ReportProgress
from inference.prompt import PromptEncoder, SpecialTokens, load_tokenizer
from inference.requests import FutureListener, call_on
from inference.settings import EngineSettings
from inference.surface import Engine
from inference.threaded import ThreadedEngine
from inference.worker import CLOSED, Driver, Worker

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


@overload
def load_engine(
    checkpoint: str | Path,
    *,
    quantization: Quantization = ...,
    dtype: torch.dtype | str | None = ...,
    device: torch.device | str | None = ...,
    reference: bool = ...,
    settings: EngineSettings = ...,
    progress: ReportProgress | None = ...,
) -> EngineLoader: ...
@overload
def load_engine(
    *,
    model: IdeficsForVisionText2Text,
    tokenizer: PreTrainedTokenizerBase,
    reference: bool = ...,
    settings: EngineSettings = ...,
    progress: ReportProgress | None = ...,
) -> EngineLoader: ...
def load_engine(
    checkpoint: str | Path | None = None,
    *,
    quantization: Quantization = "none",
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
    reference: bool = False,
    model: IdeficsForVisionText2Text | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    settings: EngineSettings = EngineSettings(),  # noqa: B008 - frozen
    progress: ReportProgress | None = None,
) -> EngineLoader:
    """An engine for a checkpoint: `async with load_engine("demo") as engine`, or `await load_engine(...)`.

    Args:
        checkpoint: `demo` for the built-in model, a folder, or the name of a checkpoint on the hub.
        quantization: `4bit` (NF4) and `8bit` need bitsandbytes.
        dtype: of weights and arithmetic; with quantisation, that of the arithmetic. By default bfloat16,
            but float32 on CPUs without bfloat16 instructions and for the built-in model on every CPU.
        device: such as `cuda:0` or `cpu`. By default the model is spread over all accelerators there are.
        reference: use transformers' own `generate` instead of continuous batching.
        model: an already built model instead of a checkpoint, used where it is. Its picture size comes
            from its configuration; mean and deviation are CLIP's.
        tokenizer: the one that belongs to `model`.
        settings: how much of the device the engine may use.
        progress: called on the event loop while the checkpoint is downloaded and loaded.

    Errors come when the engine is awaited:
        OptionsError: an argument has a value outside its range.
        CheckpointError: the checkpoint cannot be found, is not IDEFICS, is incomplete or damaged, or does
            not fit the device.
    """
    if model is not None and tokenizer is not None and checkpoint is None:
        return EngineLoader(lambda _: adopt_model(model, tokenizer), progress, reference, settings)
    if checkpoint is None or model is not None or tokenizer is not None:
        raise TypeError("load_engine takes a checkpoint, or a model together with its tokenizer")
    return EngineLoader(
        lambda report: load_checkpoint(
            checkpoint, quantization=quantization, dtype=dtype, device=device, progress=report
        ),
        progress,
        reference,
        settings,
    )


class EngineLoader:
    """An engine to be: awaiting it, or entering it with `async with`, loads it; leaving closes it."""

    def __init__(
        self,
        load: Callable[[ReportProgress], LoadedCheckpoint],
        progress: ReportProgress | None,
        reference: bool,
        settings: EngineSettings,
    ) -> None:
        self._load = load
        self._progress = progress
        self._reference = reference
        self._settings = settings
        self._engine: Engine | None = None

    def __await__(self) -> Generator[Any, None, Engine]:
        return self._start().__await__()

    async def __aenter__(self) -> Engine:
        self._engine = await self
        return self._engine

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            await self._engine.aclose()

    async def _start(self) -> Engine:
        line = Line(self._settings.most_waiting)
        # A step of the reference engine is a whole answer, which may take any time.
        worker = Worker(line, step_seconds=None if self._reference else self._settings.step_seconds)
        loop = asyncio.get_running_loop()
        started: FutureListener[Engine] = FutureListener()

        def report(progress: Progress) -> None:
            if worker.closed:
                raise EngineError(CLOSED)
            if self._progress is not None:
                call_on(loop, self._progress, progress)

        def make_driver() -> Driver:
            report(Progress("starting", 0, 0))
            from inference.lean_import import import_transformers

            import_transformers()
            from inference.devices import settle_threads

            checkpoint = self._load(report)
            settle_threads(checkpoint.model)
            driver = self._driver(checkpoint, line, report)
            config = checkpoint.model.config
            encoder = PromptEncoder(
                checkpoint.tokenizer, vocabulary_size=config.vocab_size + config.additional_vocab_size
            )
            engine = ThreadedEngine(
                worker,
                encoder,
                PictureDesk(checkpoint.preprocessor),
                context_length=config.max_position_embeddings,
                picture_size=checkpoint.preprocessor.size,
            )
            started.finish(engine)
            return driver

        worker.start(make_driver, started.fail)
        try:
            return await started.result
        except asyncio.CancelledError:
            worker.close()
            raise

    def _driver(self, checkpoint: LoadedCheckpoint, line: Line, report: ReportProgress) -> Driver:
        if self._reference:
            from inference.reference import ReferenceRunner

            return ReferenceRunner(checkpoint, line)
        import torch

        from inference.engine.loop import ContinuousEngine
        from inference.engine.machine import Machine

        special = SpecialTokens.of(checkpoint.tokenizer)
        try:
            return ContinuousEngine(
                line,
                lambda: Machine(
                    checkpoint.model,
                    self._settings,
                    special.forbidden,
                    lambda done, total: report(Progress("recording steps", done, total)),
                ),
                checkpoint.tokenizer,
                special.end_ids(checkpoint.model.config.eos_token_id),
                self._settings,
            )
        except torch.OutOfMemoryError as error:
            raise CheckpointError(
                "The model fits the device, but the memory that is left is too little to answer with: end "
                "what else uses it, or load with quantization='4bit'."
            ) from error


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
    from inference.memory import check_fits, needed_bytes, one_with_room
    from inference.weights import SMALL_BYTES, build_empty, fill, load_by_transformers

    if quantization not in QUANTIZATIONS:
        raise OptionsError(f"quantization must be one of {', '.join(QUANTIZATIONS)}, not {quantization!r}.")
    if quantization != "none" and importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(
            f"{quantization} needs bitsandbytes: install it with `pip install bitsandbytes`."
        )
    target = choose_device(device)
    arithmetic = choose_dtype(dtype, target, small=checkpoint == DEMO)

    files = inspect_checkpoint(_folder_of(checkpoint, progress))
    preprocessor = Preprocessor.from_checkpoint(files.folder)
    tokenizer = load_tokenizer(files.folder)
    config = _configuration(files)
    if arithmetic == torch.float16 and config.hidden_size >= HIDDEN_SIZE_80B:
        raise CheckpointError("IDEFICS 80B gives garbage in float16, its values overflow: use bfloat16.")
    _check_vocabulary(tokenizer, config)
    directly = (
        target is not None
        and target.type == "cpu"
        and quantization == "none"
        and not files.is_quantized
        and files.size < SMALL_BYTES
    )
    model = build_empty(config, torch.device("cpu" if directly else "meta"))
    check_tensors(files, {name: weight.shape for name, weight in model.named_parameters()})
    if target is None:
        target = one_with_room(
            files.size if files.is_quantized else needed_bytes(model, quantization, arithmetic)
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
    except Exception as error:
        raise CheckpointError(f"{files.folder / 'config.json'} has impossible values: {error}") from error
    return config


def _check_vocabulary(tokenizer: PreTrainedTokenizerBase, config: IdeficsConfig) -> None:
    size = config.vocab_size + config.additional_vocab_size
    if len(tokenizer) > size:
        raise CheckpointError(
            f"The tokenizer has {len(tokenizer):,} tokens and the model {size:,}: they belong to different "
            "checkpoints."
        )
