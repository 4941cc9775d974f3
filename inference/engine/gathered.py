"""Attention where there is no kernel for pages: they are gathered for torch's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from inference.engine.attention import rotate_and_store
from inference.engine.pages import PAGE_SIZE, PagedLayer, pages_for
from inference.engine.transfers import upload

if TYPE_CHECKING:
    from inference.engine.layout import Chunk


def gather(layer: PagedLayer, pages: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values, each (rows, heads, tokens, head dimension), of `pages`: integers (rows, pages)."""
    # An index of two dimensions would copy number by number, this copies page by page.
    keys, values = (
        each.index_select(0, pages.flatten()).view(len(pages), -1, *each.shape[2:]).transpose(1, 2)
        for each in (layer.keys, layer.values)
    )
    return keys, values


@dataclass(frozen=True, slots=True)
class SeenByRows:
    """What the one query of each row attends to."""

    pages: torch.Tensor
    """int32 (rows, pages of the longest)"""
    mask: torch.Tensor | None
    """bool (rows, 1, 1, tokens in those pages): which of them count; None for all"""
    blind: torch.Tensor | None
    """bool (rows, 1, 1): rows for which none counts; None if there are no such rows"""

    @classmethod
    def of(cls, table: torch.Tensor, lengths: torch.Tensor) -> SeenByRows:
        """The first `lengths`, int (rows), tokens of the pages in `table`, int32 (rows, pages)."""
        shortest, longest = map(int, lengths.aminmax())
        pages = table[:, : max(1, pages_for(longest))]
        tokens = torch.arange(pages.shape[1] * PAGE_SIZE, device=lengths.device)
        mask = tokens < lengths.clamp(min=1)[:, None]
        return cls(
            pages,
            mask[:, None, None] if shortest < len(tokens) else None,
            (lengths == 0)[:, None, None] if shortest == 0 else None,
        )

    def attend(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        """Attention of one query for each row, (rows, heads, head dimension); zeros for blind rows."""
        keys, values = gather(layer, self.pages)
        attended = functional.scaled_dot_product_attention(
            queries[:, :, None], keys, values, attn_mask=self.mask
        )[:, :, 0]
        return attended if self.blind is None else attended.masked_fill(self.blind, 0.0)


@dataclass(frozen=True, slots=True)
class GatheredRows:
    """One token for each row, as `inference.engine.attention.DecodeAttention`."""

    slots: torch.Tensor
    """integers (rows): where the new token is stored"""
    seen: SeenByRows
    picture: SeenByRows

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        queries = rotate_and_store(layer, qkv, rotation, self.slots)
        return self.seen.attend(layer, queries)

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        return self.picture.attend(layer, queries)


@dataclass(frozen=True, slots=True)
class Runs:
    """Packed tokens as runs of different lengths, and the way to a padded rectangle and back."""

    padded: torch.Tensor
    """int64 (runs, longest): the packed token at each place; padding repeats token 0"""
    packed: torch.Tensor
    """int64 (tokens): the place in the flattened rectangle of each packed token"""

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device) -> Runs:
        counts = torch.tensor(lengths)
        longest = int(counts.max())
        starts = counts.cumsum(0) - counts
        columns = torch.arange(longest)
        inside = columns < counts[:, None]
        padded = torch.where(inside, starts[:, None] + columns, 0)
        packed = inside.flatten().nonzero()[:, 0]
        return cls(upload(padded, device), upload(packed, device))

    def pad(self, tokens: torch.Tensor) -> torch.Tensor:
        """(tokens, ...) to (runs, longest, ...)"""
        return tokens.index_select(0, self.padded.flatten()).view(*self.padded.shape, *tokens.shape[1:])

    def pack(self, rectangle: torch.Tensor) -> torch.Tensor:
        """(runs, longest, ...) to (tokens, ...)"""
        return rectangle.flatten(0, 1).index_select(0, self.packed)


@dataclass(frozen=True, slots=True)
class GatheredRuns:
    """Some next tokens of each of several sequences, packed one sequence after the other."""

    sequences: Runs
    table: torch.Tensor
    """int64 (sequences, pages of the longest)"""
    mask: torch.Tensor
    """bool (sequences, 1, longest run, tokens in the table's pages): what each token may attend to"""
    slots: torch.Tensor
    """int64 (tokens)"""
    views: Runs
    """Runs of tokens that see the same picture."""
    pages_of_view: torch.Tensor
    """int64 (runs, pages of a picture): those of the picture that the run sees"""
    sees: torch.Tensor
    """bool (tokens): whether the token sees a picture"""
    latents: int

    @classmethod
    def of(
        cls, chunks: Sequence[Chunk], positions: torch.Tensor, latents: int, device: torch.device
    ) -> GatheredRuns:
        """
        Args:
            positions: int64 (tokens), on the host.
            latents: keys that a picture has.
        """
        width = max(pages_for(chunk.end) for chunk in chunks)
        table = torch.tensor([[*chunk.pages[:width], *[0] * (width - len(chunk.pages))] for chunk in chunks])
        counts = torch.tensor([len(chunk.token_ids) for chunk in chunks])
        rows = torch.arange(len(chunks)).repeat_interleave(counts)
        slots = table[rows, positions // PAGE_SIZE] * PAGE_SIZE + positions % PAGE_SIZE
        sequences = Runs.of(counts.tolist(), device)
        keys = torch.arange(width * PAGE_SIZE, device=device)
        views = [(slot, len(list(tokens))) for chunk in chunks for slot, tokens in groupby(chunk.slots)]
        seen = torch.tensor([slot for slot, _ in views])
        lengths = [length for _, length in views]
        pages_of_view = seen[:, None] * pages_for(latents) + torch.arange(pages_for(latents))
        return cls(
            sequences=sequences,
            table=upload(table, device),
            mask=(keys <= sequences.pad(upload(positions, device))[..., None])[:, None],
            slots=upload(slots, device),
            views=Runs.of(lengths, device),
            pages_of_view=upload(pages_of_view, device),
            sees=upload(seen.repeat_interleave(torch.tensor(lengths)) > 0, device),
            latents=latents,
        )

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        queries = rotate_and_store(layer, qkv, rotation, self.slots)
        keys, values = gather(layer, self.table)
        attended = functional.scaled_dot_product_attention(
            self.sequences.pad(queries).transpose(1, 2), keys, values, attn_mask=self.mask
        )
        return self.sequences.pack(attended.transpose(1, 2))

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        keys, values = (each[:, :, : self.latents] for each in gather(layer, self.pages_of_view))
        attended = functional.scaled_dot_product_attention(
            self.views.pad(queries).transpose(1, 2), keys, values
        )
        return self.views.pack(attended.transpose(1, 2)).masked_fill(~self.sees[:, None, None], 0.0)
