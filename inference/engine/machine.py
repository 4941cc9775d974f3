"""Everything of the engine that lies on the device, made once and made anew after a failure."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import torch

from inference import garbage
from inference.devices import idle_threads
from inference.engine import dispatch
from inference.engine.budget import Budget
from inference.engine.context import KVCache
from inference.engine.crew import Crew
from inference.engine.graphs import CudaGraphs
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, PagedLayers, pages_for
from inference.engine.pictures import PictureEncoder, latents_of
from inference.engine.prefill import Prefill
from inference.engine.rows import Rows
from inference.settings import EngineSettings

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

log = logging.getLogger(__name__)

MOST_PICTURES = 4096
SWITCH_SECONDS = 0.001
CPU_CHUNKS, CUDA_CHUNKS = (128, 512), (1024, 2048)
"""Prompt tokens read between two steps of a running batch, and while nobody is being answered; on a CPU, by
each thread of the crew. A pass cannot be given up, and of a large model on a CPU it takes minutes."""
CUDA_STEPS_BETWEEN_PASSES = 4
"""Of the running batch; on a CPU a pass takes as much longer as it has more to read."""


class Machine:
    """Weights, memory, rows and recorded steps of one model.

    Args:
        forbidden: tokens that are never generated.
        report: called with how many of how many recordings are made.
    """

    def __init__(
        self,
        model: IdeficsForVisionText2Text,
        settings: EngineSettings,
        forbidden: Iterable[int],
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        config = model.config
        self.decoder = Decoder(model)
        self.latents = latents_of(model)
        device = self.decoder.device
        self.is_cuda = device.type == "cuda"
        if self.is_cuda:
            torch.cuda.set_device(device)  # of this thread, for recording
            # What this thread computes on the processor is small: sharing it out would only cost.
            torch.set_num_threads(1)
            # When the device is done, this thread may have to wait so long for the event loop's to give way.
            sys.setswitchinterval(SWITCH_SECONDS)
        context = int(config.max_position_embeddings)
        self.forbidden = torch.zeros(self.decoder.vocabulary, device=device)
        self.forbidden[list(forbidden)] = -torch.inf
        # Layers on several devices, 8-bit ones and torch's own attention, which look at values, cannot be
        # recorded.
        self.records = (
            settings.graphs
            and self.is_cuda
            and dispatch.uses_kernels(self.forbidden)
            and self.decoder.devices == {device}
            and not getattr(model, "is_loaded_in_8bit", False)
        )
        self.runs_ahead = self.is_cuda if settings.runs_ahead is None else settings.runs_ahead
        crew = Crew(1 if self.is_cuda else idle_threads())
        chunk, idle_chunk = CUDA_CHUNKS if self.is_cuda else (each * crew.size for each in CPU_CHUNKS)
        self.chunk_tokens = settings.chunk_tokens or chunk
        self.idle_chunk_tokens = settings.idle_chunk_tokens or idle_chunk
        self.steps_between_passes = CUDA_STEPS_BETWEEN_PASSES if self.is_cuda else 0
        self.pads_rows = self.is_cuda
        """Whether steps have one of a few numbers of rows, the last of them perhaps without a sequence."""
        self._buckets = sorted(
            {each for each in settings.buckets if each < settings.most_rows} | {settings.most_rows}
        )
        own, pictures = self._layers(settings, context)
        self.memory = KVCache(
            own,
            pictures,
            slots=len(pictures.layers[0].keys) // pages_for(self.latents) - 1,
            remembered=settings.remembered,
        )
        self.rows = Rows(
            self.decoder,
            own.layers,
            pictures.layers,
            rows=settings.most_rows,
            context=context,
            latents=self.latents,
            forbidden=self.forbidden,
        )
        self.prefill = Prefill(
            self.decoder,
            own.layers,
            pictures.layers,
            crew,
            context=context,
            latents=self.latents,
            graphs=self.records,
        )
        self.encoder = PictureEncoder(model, self.decoder, pictures.layers, crew)
        self._steps: CudaGraphs[tuple[int, bool]] = CudaGraphs(lambda key: self.rows.step(*key))
        if self.records:
            self._record(report)

    def step(self, rows: int, greedy: bool) -> None:
        """One token for each of the first `rows` rows."""
        if self.pads_rows:
            rows = next(bucket for bucket in self._buckets if bucket >= rows)
        self._steps((rows, greedy))

    def wipe(self, rows: int) -> None:
        """Zeros where something is left of requests that are over; the first `rows` rows are in use."""
        self.memory.wipe()
        self.rows.wipe(rows)
        self.prefill.wipe()
        self.encoder.wipe()

    def synchronize(self) -> None:
        """Waits for the device.

        Raises:
            RuntimeError: what it was doing failed.
        """
        if self.is_cuda:
            for device in self.decoder.devices:
                torch.cuda.synchronize(device)

    def _record(self, report: Callable[[int, int], None]) -> None:
        began = monotonic()
        keys = [(bucket, greedy) for bucket in reversed(self._buckets) for greedy in (True, False)]
        works: list[Callable[[], None]] = [
            *(partial(self._steps.capture, key) for key in keys),
            *self.prefill.captures(),
            *self.encoder.captures(),
        ]
        # A recording that is destroyed, as garbage, spoils the one that is being made.
        with garbage.settled():
            for done, record in enumerate(works):
                report(done, len(works))
                record()
        report(len(works), len(works))
        log.info("Recorded %d kinds of work in %.1f s.", len(works), monotonic() - began)

    def _layers(self, settings: EngineSettings, context: int) -> tuple[PagedLayers, PagedLayers]:
        """Pages of the decoder layers, and of the cross layers."""
        decoder = self.decoder
        layers = [layer.device for layer in decoder.layers]
        cross_layers = [layer.device for layer in decoder.cross_layers]
        of_a_page = 2 * PAGE_SIZE * decoder.heads * decoder.head_dim * decoder.dtype.itemsize
        of_a_picture = of_a_page * pages_for(self.latents)
        budget = Budget.of(decoder.devices, is_cuda=self.is_cuda)
        if settings.context_bytes is not None:
            pages = settings.context_bytes // (of_a_page * len(layers))
        else:
            # No more than all rows could fill, and as much again for what is remembered.
            most = pages_for(2 * settings.most_rows * context)
            pages = min(budget.pages(layers, of_a_page), most)
        if settings.picture_bytes is not None:
            pictures = settings.picture_bytes // (of_a_picture * len(cross_layers))
        else:
            pictures = budget.pictures(cross_layers, of_a_picture)
        pages, pictures = max(1, pages), max(1, min(pictures, MOST_PICTURES))
        log.info("Memory for %d tokens and %d pictures.", pages * PAGE_SIZE, pictures)
        # The first page and the first picture belong to nobody.
        return (
            decoder.pages(layers, 1 + pages),
            decoder.pages(cross_layers, (1 + pictures) * pages_for(self.latents)),
        )
