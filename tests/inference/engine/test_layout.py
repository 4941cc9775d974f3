from __future__ import annotations

import pytest
import torch

from inference.engine.layout import Chunk, Layout, LayoutBuffer

LATENTS = 4


@pytest.mark.parametrize("lengths", [[1], [7, 3], [40, 33, 5], [64, 16]])
def test_what_kernels_read_begins_where_they_are_compiled_for(lengths: list[int]) -> None:
    chunks = [Chunk(range(length), 2, range(1, 9), [0] * length, 1) for length in lengths]
    layout = Layout.of(chunks, LATENTS)
    buffer = LayoutBuffer.for_one(layout, torch.device("cpu"))
    attention = buffer.attention(torch.zeros((1, 1), dtype=torch.int32))
    read = (
        buffer.token_ids,
        buffer.positions,
        attention.slots,
        attention.table,
        attention.tiles,
        attention.picture_tiles,
    )
    assert [each.data_ptr() % 16 for each in read] == [0] * len(read)
    tokens = sum(lengths)
    assert buffer.token_ids[:tokens].tolist() == layout.token_ids.tolist()
    assert not attention.slots[tokens:].any()
