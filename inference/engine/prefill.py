"""Reading prompts: chunks of several sequences in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby

import torch

from inference.engine import dispatch
from inference.engine.attention import Attention
from inference.engine.crew import Crew, shares
from inference.engine.gathered import GatheredRuns, Runs
from inference.engine.graphs import Recordings
from inference.engine.layout import Layout, LayoutBuffer, LayoutShape
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, PagedLayer, pages_for, upload

RECORDED_TOKENS = (16, 32, 64, 128, 256, 384, 512, 768, 1024)
"""Of a pass; longer ones take the device longer than the processor takes to start them."""
RECORDED_SEQUENCES = 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """Next tokens of one sequence."""

    token_ids: Sequence[int]
    start: int
    """Position of the first."""
    pages: Sequence[int]
    """The sequence's pages from its beginning."""
    slots: Sequence[int]
    """For each token the slot of the picture that it sees, 0 for none."""

    @property
    def end(self) -> int:
        return self.start + len(self.token_ids)


class PromptPasses:
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
            tokens: LayoutBuffer(
                LayoutShape.of_recording(tokens, RECORDED_SEQUENCES, pages_for(context)), device
            )
            for tokens in (RECORDED_TOKENS if graphs else ())
        }
        self._logits = torch.zeros(RECORDED_SEQUENCES if graphs else 0, decoder.vocabulary, device=device)
        self._recordings = Recordings(self._run_recorded, enabled=graphs)

    def recordings(self) -> list[Callable[[], None]]:
        """What records the passes, each of another number of tokens."""
        return [partial(self._recordings.record, tokens) for tokens in reversed(self._buffers)]

    def read(self, chunks: Sequence[Chunk], wanted: Sequence[int]) -> torch.Tensor:
        """Computes and stores the chunks' keys and values; returns logits, float32 (wanted, vocabulary).

        Args:
            wanted: places in the chunks, joined, after which the logits are wanted; ascending.
        """
        if not dispatch.uses_kernels(self._picture_table):
            parts = shares([len(chunk.token_ids) for chunk in chunks], self._crew.size)
            works = [
                partial(self._read_gathered, chunks[part], some)
                for part, some in zip(parts, _apart(wanted, chunks, parts), strict=True)
            ]
            return torch.cat(self._crew.run(works))
        layout = Layout.of(chunks, wanted, self._latents)
        for tokens, buffer in self._buffers.items():
            if layout.shape.fits(buffer.shape):
                buffer.fill(layout)
                self._recordings(tokens)
                return self._logits[: len(wanted)].clone()
        buffer = LayoutBuffer(layout.shape.aligned(), self._picture_table.device)
        buffer.fill(layout)
        return self._run(buffer)

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

    def _read_gathered(self, chunks: Sequence[Chunk], wanted: Sequence[int]) -> torch.Tensor:
        device = self._decoder.device
        token_ids = upload(torch.tensor([each for chunk in chunks for each in chunk.token_ids]), device)
        positions = torch.cat([torch.arange(chunk.start, chunk.end) for chunk in chunks])
        attention = _gathered(chunks, positions, self._latents, device)
        hidden = self._forward(token_ids, upload(positions, device), attention)
        if not wanted:
            return hidden.new_empty(0, self._decoder.vocabulary)
        return self._decoder.logits(hidden[upload(torch.tensor(wanted), hidden.device)])

    def _forward(
        self, token_ids: torch.Tensor, positions: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        return self._decoder.forward(token_ids, positions, self._own, self._pictures, attention)


def last_places(chunks: Sequence[Chunk]) -> list[int]:
    """The place of each chunk's last token in the chunks joined."""
    return [end - 1 for end in accumulate(len(chunk.token_ids) for chunk in chunks)]


def _apart(wanted: Sequence[int], chunks: Sequence[Chunk], parts: Sequence[slice]) -> list[list[int]]:
    """Places in the chunks joined, ascending, as places in the chunks of each part joined."""
    apart = []
    start = 0
    for part in parts:
        end = start + sum(len(chunk.token_ids) for chunk in chunks[part])
        apart.append([place - start for place in wanted if start <= place < end])
        start = end
    return apart


def _gathered(
    chunks: Sequence[Chunk], positions: torch.Tensor, latents: int, device: torch.device
) -> GatheredRuns:
    width = max(pages_for(chunk.end) for chunk in chunks)
    table = torch.tensor([[*chunk.pages[:width], *[0] * (width - len(chunk.pages))] for chunk in chunks])
    counts = torch.tensor([len(chunk.token_ids) for chunk in chunks])
    rows = torch.arange(len(chunks)).repeat_interleave(counts)
    slots = table[rows, positions // PAGE_SIZE] * PAGE_SIZE + positions % PAGE_SIZE
    sequences = Runs.of(counts.tolist(), device)
    on_device = upload(positions, device)
    keys = torch.arange(width * PAGE_SIZE, device=device)
    views = [(slot, len(list(tokens))) for chunk in chunks for slot, tokens in groupby(chunk.slots)]
    seen = torch.tensor([slot for slot, _ in views])
    lengths = [length for _, length in views]
    return GatheredRuns(
        sequences=sequences,
        table=upload(table, device),
        mask=(keys <= sequences.pad(on_device)[..., None])[:, None],
        slots=upload(slots, device),
        views=Runs.of(lengths, device),
        pages_of_view=upload(seen[:, None] * pages_for(latents) + torch.arange(pages_for(latents)), device),
        sees=upload(seen.repeat_interleave(torch.tensor(lengths)) > 0, device),
        latents=latents,
    )
