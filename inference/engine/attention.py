"""Attention over pages by kernels, on GPUs; elsewhere it is that of `inference.engine.gathered`.

Queries are always packed: (tokens, heads, head dimension), with no padding between sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from inference.engine import dispatch
from inference.engine.pages import PagedLayer


class Attention(Protocol):
    """What one pass of the decoder attends to. The same object serves all layers of the pass on a device."""

    def own(self, layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """Stores the tokens' keys and values, then attends to the sequence up to each token itself.

        Args:
            qkv: (tokens, 3, heads, head dimension), queries and keys not yet rotated.
            rotation: (tokens, 2, head dimension), cosines and sines.
        """
        ...

    def pictures(self, layer: PagedLayer, queries: torch.Tensor) -> torch.Tensor:
        """Attends to the picture that each token sees; zeros for tokens that see none."""
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
        paged_decode_attention(queries, layer.keys, layer.values, table, lengths, out)
        return out


@dataclass(frozen=True, slots=True)
class PrefillAttention:
    """Some next tokens of each of several sequences, packed, cut into tiles for the kernel."""

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
        paged_prefill_attention(queries, layer.keys, layer.values, table, tiles, out, causal=causal)
        return out


def rotate_and_store(
    layer: PagedLayer, qkv: torch.Tensor, rotation: torch.Tensor, slots: torch.Tensor
) -> torch.Tensor:
    """Stores the rotated keys and the values at `slots`; returns the rotated queries."""
    if dispatch.uses_kernels(qkv):
        from inference.kernels import fused

        return fused.rotate_and_store(qkv, rotation, slots, layer.keys, layer.values)
    queries, keys = rotate(qkv[:, :2], rotation).unbind(1)
    layer.write(slots, keys, qkv[:, 2])
    return queries


def rotate(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding of queries and keys.

    Args:
        x: (tokens, ..., heads, head dimension).
        rotation: (tokens, 2, head dimension), cosines and sines.
    """
    shape = (len(x), *[1] * (x.dim() - 2), -1)
    cos, sin = rotation[:, 0].reshape(shape), rotation[:, 1].reshape(shape)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
