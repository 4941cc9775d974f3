"""From a checkpoint, or a model, to a running engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from inference.checkpoint import Quantization
from inference.errors import CheckpointError, EngineError
from inference.line import Line
from inference.loading import LoadedCheckpoint, adopt_model, load_checkpoint
from inference.prepared import PictureDesk
from inference.progress import Progress, ReportProgress
from inference.prompt import PromptEncoder
from inference.requests import FutureListener, call_on
from inference.settings import EngineSettings
from inference.surface import Engine
from inference.threaded import ThreadedEngine
from inference.tokenizer import SpecialTokens
from inference.worker import CLOSED, Driver, Worker

# torch and transformers take seconds to import: that happens on the engine's thread, inside the functions.
if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text


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
        device: such as `cuda:0` or `cpu`. By default one accelerator if the model fits there, else the model
            is spread over all there are; the CPU if there are none.
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
            from inference.reference.runner import ReferenceRunner

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
