"""Attention over pages by kernels, on GPUs; elsewhere it is that of `inference.engine.gathered`.

Queries are always packed: (tokens, heads, head dimension), with no padding between sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import torch

from inference.engine import dispatch
from inference.engine.pages import PagedLayer


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
        return self._attend(queries, layer, self.table, self.lengths)

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        return self._attend(queries, layer, self.picture_table, self.picture_lengths)

    def _attend(
        self, queries: torch.Tensor, layer: PagedLayer, table: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        from inference.kernels.paged_attention import paged_decode_attention

        out = torch.empty_like(queries)
        with dispatch.launching_for(queries):
            paged_decode_attention(queries, layer.keys, layer.values, table, lengths, out)
        return out

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
