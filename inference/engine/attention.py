"""Attention over pages, behind one seam: a kernel on GPUs, gathered pages and torch's own elsewhere.

Queries are always packed: (tokens, heads, head dimension), with no padding between sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch.nn import functional

from inference.engine import dispatch
from inference.engine.pages import PagedLayer, pages_for, upload


class Attention(Protocol):
    """What one pass of the decoder attends to. The same object serves all layers of the pass."""

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """Stores the tokens' keys and values, then attends to the sequence up to each token itself.

        Args:
            qkv: (tokens, 3, heads, head dimension), queries and keys not yet turned by their positions.
            rotation: (tokens, 2, head dimension), cosines and sines.
        """
        ...

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        """Attends to the picture that each token sees; zeros for tokens that see none."""
        ...

    def on(self, device: torch.device) -> Attention:
        """The same on another device."""
        ...


@dataclass(frozen=True, slots=True)
class DecodeAttention:
    """One token for each row. A row without a sequence has length 0; all its pages are page 0."""

    table: torch.Tensor
    """int32 (rows, most pages of a sequence)"""
    lengths: torch.Tensor
    """int32 (rows): tokens of the row, the new one included"""
    slots: torch.Tensor
    """integers (rows): where the new token is stored"""
    picture_table: torch.Tensor
    """int32 (rows, pages of a picture): those of the picture that the row sees"""
    picture_lengths: torch.Tensor
    """int32 (rows): latents of that picture, 0 for none"""

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        queries = rotate_and_store(layer, qkv, rotation, self.slots)
        return attend_pages(queries, layer, self.table, self.lengths)

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        return attend_pages(queries, layer, self.picture_table, self.picture_lengths)

    def on(self, device: torch.device) -> DecodeAttention:
        if device == self.table.device:
            return self
        return DecodeAttention(*(getattr(self, field.name).to(device) for field in fields(self)))


def rotate_and_store(
    layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor, slots: torch.Tensor
) -> torch.Tensor:
    """Stores the turned keys and the values at `slots`; returns the turned queries."""
    if dispatch.uses_kernels(qkv):
        from inference.kernels import fused

        with dispatch.launching_for(qkv):
            return fused.rotate_and_store(qkv, rotation, slots, layer.keys, layer.values)
    queries, keys = rotate(qkv[:, :2], rotation).unbind(1)
    layer.write(slots, keys, qkv[:, 2])
    return queries


def rotate(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Queries and keys turned by their positions.

    Args:
        x: (tokens, ..., heads, head dimension).
        rotation: (tokens, 2, head dimension), cosines and sines.
    """
    shape = (len(x), *[1] * (x.dim() - 2), -1)
    cos, sin = rotation[:, 0].reshape(shape), rotation[:, 1].reshape(shape)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def attend_pages(
    queries: torch.Tensor, layer: PagedLayer, table: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """Attention of one query for each row, (rows, heads, head dimension), to the first `lengths` tokens.

    Zeros come out for rows of length 0.
    """
    if dispatch.uses_kernels(queries):
        from inference.kernels.paged_attention import paged_decode_attention

        out = torch.empty_like(queries)
        with dispatch.launching_for(queries):
            paged_decode_attention(queries, layer.keys, layer.values, table, lengths, out)
        return out
    pages = table[:, : max(1, pages_for(int(lengths.max())))]
    keys, values = layer.keys[pages].flatten(1, 2), layer.values[pages].flatten(1, 2)
    mask = torch.arange(keys.shape[1], device=lengths.device) < lengths.clamp(min=1)[:, None]
    attended = functional.scaled_dot_product_attention(
        queries[:, :, None], keys.transpose(1, 2), values.transpose(1, 2), attn_mask=mask[:, None, None]
    )[:, :, 0]
    return attended.masked_fill((lengths == 0)[:, None, None], 0.0)


@dataclass(frozen=True, slots=True)
class TiledAttention:
    """Some next tokens of each of several sequences, packed, for the kernel that takes them in tiles."""

    slots: torch.Tensor
    """int32 (tokens): where each token is stored"""
    table: torch.Tensor
    """int32 (sequences, pages of the longest)"""
    tiles: torch.Tensor
    """int32 (tiles, 4), see `inference.kernels.prefill_attention`"""
    picture_table: torch.Tensor
    """int32 (pictures, pages of a picture)"""
    picture_tiles: torch.Tensor
    """int32 (tiles, 4): each of tokens that see the same picture, or none"""

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        queries = rotate_and_store(layer, qkv, rotation, self.slots)
        return self._attend(queries, layer, self.table, self.tiles, causal=True)

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        return self._attend(queries, layer, self.picture_table, self.picture_tiles, causal=False)

    def _attend(
        self,
        queries: torch.Tensor,
        layer: PagedLayer,
        table: torch.Tensor,
        tiles: torch.Tensor,
        *,
        causal: bool,
    ) -> torch.Tensor:
        from inference.kernels.prefill_attention import paged_prefill_attention

        out = torch.empty_like(queries)
        with dispatch.launching_for(queries):
            paged_prefill_attention(queries, layer.keys, layer.values, table, tiles, out, causal=causal)
        return out

    def on(self, device: torch.device) -> TiledAttention:
        if device == self.table.device:
            return self
        return TiledAttention(*(getattr(self, field.name).to(device) for field in fields(self)))


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
        return tokens[self.padded]

    def pack(self, rectangle: torch.Tensor) -> torch.Tensor:
        """(runs, longest, ...) to (tokens, ...)"""
        return rectangle.flatten(0, 1)[self.packed]

    def on(self, device: torch.device) -> Runs:
        return Runs(self.padded.to(device), self.packed.to(device))


@dataclass(frozen=True, slots=True)
class PrefillAttention:
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

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        queries = rotate_and_store(layer, qkv, rotation, self.slots)
        attended = functional.scaled_dot_product_attention(
            self.sequences.pad(queries).transpose(1, 2),
            layer.keys[self.table].flatten(1, 2).transpose(1, 2),
            layer.values[self.table].flatten(1, 2).transpose(1, 2),
            attn_mask=self.mask,
        )
        return self.sequences.pack(attended.transpose(1, 2))

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        attended = functional.scaled_dot_product_attention(
            self.views.pad(queries).transpose(1, 2),
            layer.keys[self.pages_of_view].flatten(1, 2)[:, : self.latents].transpose(1, 2),
            layer.values[self.pages_of_view].flatten(1, 2)[:, : self.latents].transpose(1, 2),
        )
        return self.views.pack(attended.transpose(1, 2)).masked_fill(~self.sees[:, None, None], 0.0)

    def on(self, device: torch.device) -> PrefillAttention:
        if device == self.table.device:
            return self
        return PrefillAttention(
            self.sequences.on(device),
            self.table.to(device),
            self.mask.to(device),
            self.slots.to(device),
            self.views.on(device),
            self.pages_of_view.to(device),
            self.sees.to(device),
            self.latents,
        )
