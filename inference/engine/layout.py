"""A pass over chunks of prompts as numbers for the device, in one transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engine.attention import PrefillAttention
from inference.engine.pages import PAGE_SIZE, pages_for
from inference.engine.transfers import upload
from inference.kernels.limits import QUERIES_OF_A_TILE

_VIEWS_OF_A_SEQUENCE = 4
"""Pictures that a chunk sees one after the other, and none, for which a recording has room."""

Shapes: TypeAlias = tuple[tuple[int, ...], ...]
"""Of the fields of a `Layout`."""


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
    wanted: int
    """After so many of its tokens, the last ones, the logits are wanted."""

    @property
    def end(self) -> int:
        return self.start + len(self.token_ids)


def wanted_places(chunks: Sequence[Chunk]) -> list[int]:
    """Where in the chunks joined the tokens are after which logits are wanted."""
    places: list[int] = []
    end = 0
    for chunk in chunks:
        end += len(chunk.token_ids)
        places += range(end - chunk.wanted, end)
    return places


class Layout(NamedTuple):
    """The numbers of a pass on the host, int32."""

    token_ids: NDArray[np.int32]
    """(tokens)"""
    positions: NDArray[np.int32]
    """(tokens)"""
    slots: NDArray[np.int32]
    """(tokens): where in the pages each is stored"""
    tiles: NDArray[np.int32]
    """(tiles, 4), of each sequence's tokens: first, number, row of the table, tokens before them"""
    picture_tiles: NDArray[np.int32]
    """(tiles, 4), of tokens that see the same: first, number, slot of the picture, its latents or 0"""
    table: NDArray[np.int32]
    """(sequences, pages of the longest)"""
    wanted: NDArray[np.int32]
    """(logits): places of the tokens after which they are wanted"""

    @classmethod
    def of(cls, chunks: Sequence[Chunk], latents: int) -> Layout:
        width = max(pages_for(chunk.end) for chunk in chunks)
        table = np.zeros((len(chunks), width), np.int32)
        positions, slots = [], []
        tiles: list[tuple[int, int, int, int]] = []
        picture_tiles: list[tuple[int, int, int, int]] = []
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
        return cls(
            np.array([each for chunk in chunks for each in chunk.token_ids], np.int32),
            np.concatenate(positions),
            np.concatenate(slots),
            np.array(tiles, np.int32),
            np.array(picture_tiles, np.int32),
            table,
            np.array(wanted_places(chunks), np.int32),
        )

    @property
    def shapes(self) -> Shapes:
        return tuple(each.shape for each in self)


def _cut(first: int, count: int) -> list[tuple[int, int]]:
    """So many tokens from the first on, as tiles: first and number of each."""
    return [
        (first + offset, min(QUERIES_OF_A_TILE, count - offset))
        for offset in range(0, count, QUERIES_OF_A_TILE)
    ]


def recording_shapes(tokens: int, sequences: int, width: int) -> Shapes:
    """Room for so many tokens of so many sequences of at most `width` pages, whatever they see."""
    tiles = -(-tokens // QUERIES_OF_A_TILE)
    return (
        *[(tokens,)] * 3,
        (tiles + sequences, 4),
        (tiles + _VIEWS_OF_A_SEQUENCE * sequences, 4),
        (sequences, width),
        (sequences,),
    )


class LayoutBuffer:
    """Room for a pass's numbers on the device.

    What a pass does not fill is 0: tokens that are stored in page 0, which belongs to nobody, and tiles
    without queries. What comes out for such tokens is anything, and nobody's.
    """

    def __init__(self, shapes: Shapes, device: torch.device) -> None:
        self._shapes = shapes
        self._numbers = torch.zeros(sum(map(prod, shapes)), dtype=torch.int32, device=device)
        (
            self.token_ids,
            self.positions,
            self._slots,
            self._tiles,
            self._picture_tiles,
            self._table,
            self.wanted,
        ) = (
            part.view(shape)
            for part, shape in zip(torch.split(self._numbers, list(map(prod, shapes))), shapes, strict=True)
        )

    @classmethod
    def for_one(cls, layout: Layout, device: torch.device) -> LayoutBuffer:
        """Made for a layout, with room for some more tokens: so all begins at multiples of 16 bytes.

        Kernels are compiled for such addresses; for others they would be compiled anew while people wait.
        """
        tokens = -(-len(layout.token_ids) // 16) * 16
        buffer = cls((*[(tokens,)] * 3, *layout.shapes[3:]), device)
        buffer.fill(layout)
        return buffer

    def fits(self, layout: Layout) -> bool:
        """Whether there is room for a layout."""
        return all(
            size <= room
            for shape, rooms in zip(layout.shapes, self._shapes, strict=True)
            for size, room in zip(shape, rooms, strict=True)
        )

    def fill(self, layout: Layout) -> None:
        """Puts a layout that fits onto the device."""
        numbers = np.zeros(len(self._numbers), np.int32)
        start = 0
        for part, shape in zip(layout, self._shapes, strict=True):
            room = numbers[start : start + prod(shape)].reshape(shape)
            room[tuple(map(slice, part.shape))] = part
            start += room.size
        self._numbers.copy_(upload(torch.from_numpy(numbers), self._numbers.device), non_blocking=True)

    def wipe(self) -> None:
        """Puts a pass without tokens onto the device."""
        self._numbers.zero_()

    def attention(self, picture_table: torch.Tensor) -> PrefillAttention:
        return PrefillAttention(self._slots, self._table, self._tiles, picture_table, self._picture_tiles)
