"""Reading prompts: chunks of several sequences in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from inference.engine import dispatch
from inference.engine.attention import Attention
from inference.engine.crew import Crew, shares
from inference.engine.gathered import GatheredAttention
from inference.engine.graphs import CudaGraphs
from inference.engine.layout import Chunk, Layout, LayoutBuffer, recording_shapes, wanted_places
from inference.engine.model import Decoder
from inference.engine.pages import PagedLayer, pages_for
from inference.engine.transfers import upload

RECORDED_TOKENS = (16, 32, 64, 128, 256, 384, 512, 768, 1024)
"""Of a pass; longer ones take the device longer than the processor takes to start them."""
RECORDED_SEQUENCES = 16
MOST_GATHERED_TOKENS = 32_768
"""Tokens whose keys and values one pass may copy where there is no kernel for it: half a gigabyte for a layer
of 9B."""


class Prefill:
    """Passes over chunks of prompts; on GPUs those of few tokens are recorded and replayed.

    Args:
        own: keys and values of each decoder layer.
        pictures: keys and values of the pictures for each cross layer.
        context: most tokens of a sequence.
        latents: keys that a picture has.
        graphs: whether there are passes to be recorded.
    """

    def __init__(
        self,
        decoder: Decoder,
        own: list[PagedLayer],
        pictures: list[PagedLayer],
        crew: Crew,
        *,
        context: int,
        latents: int,
        graphs: bool,
    ) -> None:
        self._decoder = decoder
        self._crew = crew
        self._own = own
        self._pictures = pictures
        self._latents = latents
        device = decoder.device
        self._picture_table = torch.arange(len(pictures[0].keys), dtype=torch.int32, device=device).view(
            -1, pages_for(latents)
        )
        self._buffers = {
            tokens: LayoutBuffer(recording_shapes(tokens, RECORDED_SEQUENCES, pages_for(context)), device)
            for tokens in (RECORDED_TOKENS if graphs else ())
        }
        self._logits = torch.zeros(RECORDED_SEQUENCES if graphs else 0, decoder.vocabulary, device=device)
        self._graphs = CudaGraphs(self._run_recorded)

    def captures(self) -> list[Callable[[], None]]:
        """What records the passes, each of another number of tokens."""
        return [partial(self._graphs.capture, tokens) for tokens in reversed(self._buffers)]

    def read(self, chunks: Sequence[Chunk]) -> torch.Tensor:
        """Computes and stores the chunks' keys and values; returns the logits that are wanted after them.

        Returns:
            float32 (wanted tokens of all chunks, vocabulary).
        """
        if not dispatch.uses_kernels(self._picture_table):
            parts = shares([len(chunk.token_ids) for chunk in chunks], self._crew.size)
            return torch.cat(self._crew.run([partial(self._read_gathered, chunks[part]) for part in parts]))
        layout = Layout.of(chunks, self._latents)
        for tokens, buffer in self._buffers.items():
            if buffer.fits(layout):
                buffer.fill(layout)
                self._graphs(tokens)
                return self._logits[: len(layout.wanted)].clone()
        return self._run(LayoutBuffer.for_one(layout, self._picture_table.device))

    def wipe(self) -> None:
        """Forgets the prompts that were read last."""
        for buffer in self._buffers.values():
            buffer.wipe()

    def _run_recorded(self, tokens: int) -> None:
        self._logits.copy_(self._run(self._buffers[tokens]))

    def _run(self, buffer: LayoutBuffer) -> torch.Tensor:
        attention = buffer.attention(self._picture_table)
        hidden = self._forward(buffer.token_ids, buffer.positions, attention)
        return self._decoder.logits(hidden[buffer.wanted.to(hidden.device)])

    def _read_gathered(self, chunks: Sequence[Chunk]) -> torch.Tensor:
        device = self._decoder.device
        token_ids = upload(torch.tensor([each for chunk in chunks for each in chunk.token_ids]), device)
        positions = torch.cat([torch.arange(chunk.start, chunk.end) for chunk in chunks])
        attention = GatheredAttention.of(chunks, positions, self._latents, device)
        hidden = self._forward(token_ids, upload(positions, device), attention)
        wanted = torch.tensor(wanted_places(chunks), dtype=torch.int64)
        return self._decoder.logits(hidden[upload(wanted, hidden.device)])

    def _forward(
        self, token_ids: torch.Tensor, positions: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        return self._decoder.forward(token_ids, positions, self._own, self._pictures, attention)
