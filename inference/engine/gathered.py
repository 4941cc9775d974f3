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


@dataclass(frozen=True, slots=True)
class GatheredAttention:
    """Of one token for each row, or of some next tokens of each of several sequences, packed."""

    slots: torch.Tensor
    """integers (tokens): where each is stored"""
    seen: Seen
    """Of their own sequences."""
    picture: Seen

    @classmethod
    def of(
        cls, chunks: Sequence[Chunk], positions: torch.Tensor, latents: int, device: torch.device
    ) -> GatheredAttention:
        """That of chunks of prompts.

        Args:
            positions: int64 (tokens), on the host.
            latents: keys that a picture has.
        """
        width = max(pages_for(chunk.end) for chunk in chunks)
        table = torch.tensor([[*chunk.pages[:width], *[0] * (width - len(chunk.pages))] for chunk in chunks])
        counts = torch.tensor([len(chunk.token_ids) for chunk in chunks])
        rows = torch.arange(len(chunks)).repeat_interleave(counts)
        slots = table[rows, positions // PAGE_SIZE] * PAGE_SIZE + positions % PAGE_SIZE
        sequences = Runs.of(counts, device)
        keys = torch.arange(width * PAGE_SIZE, device=device)
        mask = (keys <= sequences.pad(upload(positions, device))[..., None])[:, None]
        views = [(slot, len(list(tokens))) for chunk in chunks for slot, tokens in groupby(chunk.slots)]
        pictures, lengths = torch.tensor(views).unbind(1)
        pages = pictures[:, None] * pages_for(latents) + torch.arange(pages_for(latents))
        blind = (pictures == 0).repeat_interleave(lengths)[:, None, None]
        return cls(
            upload(slots, device),
            Seen(upload(table, device), mask, None, sequences),
            Seen(upload(pages, device), None, upload(blind, device), Runs.of(lengths, device), latents),
        )

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        return self.seen.attend(layer, rotate_and_store(layer, qkv, rotation, self.slots))

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        return self.picture.attend(layer, queries)


@dataclass(frozen=True, slots=True)
class Seen:
    """What packed tokens attend to, those of a run to the same pages."""

    pages: torch.Tensor
    """integers (runs, pages of the longest)"""
    mask: torch.Tensor | None
    """bool (runs, 1, longest run, keys in those pages): which of them count; None for all"""
    blind: torch.Tensor | None
    """bool (tokens, 1, 1): those that see nothing; None if there are none"""
    runs: Runs | None = None
    """None where each token is a run."""
    keys: int | None = None
    """Of the pages only so many, the first ones, are looked at; None for all."""

    @classmethod
    def by_rows(cls, table: torch.Tensor, lengths: torch.Tensor) -> Seen:
        """Of one token for each row the first `lengths`, int (rows), keys in `table`, int32 (rows, pages)."""
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
        """Attention of (tokens, heads, head dimension); zeros for tokens that see nothing."""
        # An index of two dimensions would copy number by number, this copies page by page.
        keys, values = (
            each.index_select(0, self.pages.flatten())
            .view(len(self.pages), -1, *each.shape[2:])
            .transpose(1, 2)[:, :, : self.keys]
            for each in (layer.keys, layer.values)
        )
        padded = queries[:, None] if self.runs is None else self.runs.pad(queries)
        attended = functional.scaled_dot_product_attention(
            padded.transpose(1, 2), keys, values, attn_mask=self.mask
        ).transpose(1, 2)
        packed = attended[:, 0] if self.runs is None else self.runs.pack(attended)
        return packed if self.blind is None else packed.masked_fill(self.blind, 0.0)


@dataclass(frozen=True, slots=True)
class Runs:
    """Packed tokens as runs of different lengths, and the way to a padded rectangle and back."""

    padded: torch.Tensor
    """int64 (runs, longest): the packed token at each place; padding repeats token 0"""
    packed: torch.Tensor
    """int64 (tokens): the place in the flattened rectangle of each packed token"""

    @classmethod
    def of(cls, lengths: torch.Tensor, device: torch.device) -> Runs:
        """Of runs of these lengths, int64 on the host."""
        starts = lengths.cumsum(0) - lengths
        columns = torch.arange(int(lengths.max()))
        inside = columns < lengths[:, None]
        padded = torch.where(inside, starts[:, None] + columns, 0)
        packed = inside.flatten().nonzero()[:, 0]
        return cls(upload(padded, device), upload(packed, device))

    def pad(self, tokens: torch.Tensor) -> torch.Tensor:
        """(tokens, ...) to (runs, longest, ...)"""
        return tokens.index_select(0, self.padded.flatten()).view(*self.padded.shape, *tokens.shape[1:])

    def pack(self, rectangle: torch.Tensor) -> torch.Tensor:
        """(runs, longest, ...) to (tokens, ...)"""
        return rectangle.flatten(0, 1).index_select(0, self.packed)
