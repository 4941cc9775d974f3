"""Reading prompts: chunks of several sequences in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import torch

from inference.engine import dispatch
from inference.engine.attention import PrefillAttention, Runs, upload
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, PagedLayer, pages_for


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


def read(
    decoder: Decoder,
    own: list[PagedLayer],
    pictures: list[PagedLayer],
    latents: int,
    chunks: Sequence[Chunk],
    wanted: Sequence[int],
) -> torch.Tensor:
    """Computes and stores the chunks' keys and values; returns logits, float32 (wanted, vocabulary).

    Args:
        latents: keys that a picture has.
        wanted: places in the chunks, joined, after which the logits are wanted.
    """
    device = decoder.device
    token_ids = upload(torch.tensor([each for chunk in chunks for each in chunk.token_ids]), device)
    positions = torch.cat([torch.arange(chunk.start, chunk.end) for chunk in chunks])
    attention = _attention(chunks, positions, latents, device)
    with dispatch.attending_at_any_shape(token_ids):
        hidden = decoder.forward(token_ids, upload(positions, device), own, pictures, attention)
    if not wanted:
        return hidden.new_empty(0, decoder.vocabulary)
    return decoder.logits(hidden[upload(torch.tensor(wanted), hidden.device)])


def last_places(chunks: Sequence[Chunk]) -> list[int]:
    """The place of each chunk's last token in the chunks joined."""
    return [end - 1 for end in accumulate(len(chunk.token_ids) for chunk in chunks)]


def _attention(
    chunks: Sequence[Chunk], positions: torch.Tensor, latents: int, device: torch.device
) -> PrefillAttention:
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
    return PrefillAttention(
        sequences=sequences,
        table=upload(table, device),
        mask=(keys <= sequences.pad(on_device)[..., None])[:, None],
        slots=upload(slots, device),
        views=Runs.of(lengths, device),
        pages_of_view=upload(seen[:, None] * pages_for(latents) + torch.arange(pages_for(latents)), device),
        sees=upload(seen.repeat_interleave(torch.tensor(lengths)) > 0, device),
        latents=latents,
    )
