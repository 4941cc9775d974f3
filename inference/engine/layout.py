"""A pass over chunks of prompts as numbers for the device, in one transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engine.attention import TiledAttention
from inference.engine.pages import PAGE_SIZE, pages_for, upload
from inference.kernels.limits import QUERIES_OF_A_TILE

if TYPE_CHECKING:
    from inference.engine.prefill import Chunk

_VIEWS_OF_A_SEQUENCE = 4
"""Pictures that a chunk sees one after the other, and none, for which a recording has room."""

Tile = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class LayoutShape:
    """How much of everything there is in a pass."""

    tokens: int
    tiles: int
    picture_tiles: int
    sequences: int
    width: int
    """Pages of the longest sequence."""
    wanted: int

    @classmethod
    def of_recording(cls, tokens: int, sequences: int, width: int) -> LayoutShape:
        """Room for so many tokens of so many sequences, whatever they see."""
        tiles = -(-tokens // QUERIES_OF_A_TILE)
        return cls(
            tokens, tiles + sequences, tiles + _VIEWS_OF_A_SEQUENCE * sequences, sequences, width, sequences
        )

    def aligned(self) -> LayoutShape:
        """With room for some more tokens: what kernels read of a buffer then begins at multiples of 16 bytes.

        Kernels are compiled for such addresses; for others they would be compiled anew while people wait.
        """
        return replace(self, tokens=-(-self.tokens // 16) * 16)

    def fits(self, other: LayoutShape) -> bool:
        """Whether `other` has room for it."""
        return all(mine <= theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of each field of a buffer."""
        return (
            self.tokens,
            self.tokens,
            self.tokens,
            4 * self.tiles,
            4 * self.picture_tiles,
            self.sequences * self.width,
            self.wanted,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """The numbers of a pass, on the host."""

    shape: LayoutShape
    token_ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    slots: NDArray[np.int32]
    """Where in the pages each token is stored."""
    tiles: list[Tile]
    """Of each sequence's tokens: first, number, row of the table, tokens before them."""
    picture_tiles: list[Tile]
    """Of tokens that see the same: first, number, slot of the picture, its latents or 0."""
    table: NDArray[np.int32]
    """(sequences, width)"""
    wanted: list[int]

    @classmethod
    def of(cls, chunks: Sequence[Chunk], wanted: Sequence[int], latents: int) -> Layout:
        width = max(pages_for(chunk.end) for chunk in chunks)
        table = np.zeros((len(chunks), width), np.int32)
        positions, slots = [], []
        tiles: list[Tile] = []
        picture_tiles: list[Tile] = []
        first = 0
        for row, chunk in enumerate(chunks):
            pages = chunk.pages[:width]
            table[row, : len(pages)] = pages
            positions.append(np.arange(chunk.start, chunk.end, dtype=np.int32))
            slots.append(table[row, positions[-1] // PAGE_SIZE] * PAGE_SIZE + positions[-1] % PAGE_SIZE)
            tiles += [
                (place, count, row, chunk.start + place - first)
                for place, count in _cut(first, len(chunk.token_ids))
            ]
            for picture, run in groupby(chunk.slots):
                length = len(list(run))
                keys = latents if picture else 0
                picture_tiles += [(place, count, picture, keys) for place, count in _cut(first, length)]
                first += length
        token_ids = np.array([each for chunk in chunks for each in chunk.token_ids], np.int32)
        return cls(
            LayoutShape(len(token_ids), len(tiles), len(picture_tiles), len(chunks), width, len(wanted)),
            token_ids,
            np.concatenate(positions),
            np.concatenate(slots),
            tiles,
            picture_tiles,
            table,
            list(wanted),
        )


def _cut(first: int, count: int) -> list[tuple[int, int]]:
    """So many tokens from the first on, as tiles: first and number of each."""
    return [
        (first + offset, min(QUERIES_OF_A_TILE, count - offset))
        for offset in range(0, count, QUERIES_OF_A_TILE)
    ]


class LayoutBuffer:
    """Room for the numbers of passes of up to `shape` on the device.

    What a pass does not fill is 0: tokens that are stored in page 0, which belongs to nobody, and tiles
    without queries. What comes out for such tokens is anything, and nobody's.
    """

    def __init__(self, shape: LayoutShape, device: torch.device) -> None:
        self.shape = shape
        self._numbers = torch.zeros(sum(shape.sizes), dtype=torch.int32, device=device)
        self.token_ids, self.positions, self._slots, tiles, picture_tiles, table, self.wanted = torch.split(
            self._numbers, list(shape.sizes)
        )
        self._tiles = tiles.view(-1, 4)
        self._picture_tiles = picture_tiles.view(-1, 4)
        self._table = table.view(shape.sequences, shape.width)

    def fill(self, layout: Layout) -> None:
        """Puts a layout that fits onto the device."""
        shape = self.shape
        numbers = np.zeros(len(self._numbers), np.int32)
        parts = np.split(numbers, np.cumsum(shape.sizes)[:-1])
        parts[0][: layout.shape.tokens] = layout.token_ids
        parts[1][: layout.shape.tokens] = layout.positions
        parts[2][: layout.shape.tokens] = layout.slots
        parts[3].reshape(-1, 4)[: layout.shape.tiles] = layout.tiles
        parts[4].reshape(-1, 4)[: layout.shape.picture_tiles] = layout.picture_tiles
        parts[5].reshape(shape.sequences, shape.width)[: layout.shape.sequences, : layout.shape.width] = (
            layout.table
        )
        parts[6][: layout.shape.wanted] = layout.wanted
        self._numbers.copy_(upload(torch.from_numpy(numbers), self._numbers.device), non_blocking=True)

    def wipe(self) -> None:
        """Puts a pass without tokens onto the device."""
        self._numbers.zero_()

    def attention(self, picture_table: torch.Tensor) -> TiledAttention:
        return TiledAttention(self._slots, self._table, self._tiles, picture_table, self._picture_tiles)
