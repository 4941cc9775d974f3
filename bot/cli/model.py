"""Opens the model that a person chose, with a progress bar while it loads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as ProgressBar

from bot.cli.options import ModelChoice
from bot.settings.sections import ModelSettings
from inference import load_engine
from inference.progress import Progress
from inference.surface import Engine


@asynccontextmanager
async def opened(choice: ModelChoice, stderr: Console) -> AsyncIterator[Engine]:
    """The loaded model; leaving the block ends it. The bar is drawn on a terminal only.

    Raises:
        CheckpointError: it cannot be loaded or does not fit.
    """
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    )
    task = bar.add_task(f"Loading {choice.checkpoint}", total=None)

    def show(progress: Progress) -> None:
        bar.update(
            task,
            description=progress.stage,
            completed=progress.done_bytes,
            total=progress.total_bytes or None,
        )

    with bar:
        engine = await load_engine(
            choice.checkpoint,
            quantization=choice.quantization,
            dtype=choice.dtype,
            device=choice.device,
            progress=show,
        )
    try:
        yield engine
    finally:
        await engine.aclose()


def configured(model: ModelSettings) -> AbstractAsyncContextManager[Engine]:
    """The model that the settings name, as `opened`."""
    choice = ModelChoice(model.checkpoint, model.quantization, model.device, model.dtype)
    return opened(choice, Console(stderr=True))
