"""The rows of the running batch, as the device sees them, and one decode step over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from inference.engine import dispatch
from inference.engine.attention import Attention, DecodeAttention
from inference.engine.gathered import GatheredAttention, Seen
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, PagedLayer, pages_for
from inference.engine.sampling import SamplingRows, choose, choose_greedily
from inference.engine.transfers import upload

if TYPE_CHECKING:
    from inference.surface import Options


@dataclass(frozen=True, slots=True)
class Placement:
    """A sequence to be put into a row."""

    row: int
    length: int
    """Tokens of the sequence, `token_id` included if it has been chosen."""
    pages: Sequence[int]
    picture: int
    """The slot of the picture that its next tokens see, 0 for none."""
    token_id: int = 0
    options: Options | None = None
    """The likeliest token is chosen without them."""
    seed: int = 0
    seen: Sequence[int] = ()
    """The sequence's tokens, needed where a penalty is to be reckoned."""


class Rows:
    """Static buffers that a step reads and advances by itself: between steps nothing must be uploaded.

    A row without a sequence has length 0 and page 0 everywhere.
    """

    def __init__(
        self,
        decoder: Decoder,
        own: list[PagedLayer],
        pictures: list[PagedLayer],
        *,
        rows: int,
        context: int,
        latents: int,
        forbidden: torch.Tensor,
    ) -> None:
        device = decoder.device
        self._decoder = decoder
        self._own = own
        self._pictures = pictures
        self._latents = latents
        self._forbidden = forbidden
        # All numbers of a row lie side by side, so that it is written, moved and cleared at once.
        sizes = [1, 1, 1, pages_for(latents), pages_for(context)]
        self._state = torch.zeros(rows, sum(sizes), dtype=torch.int32, device=device)
        token_ids, lengths, picture_lengths, self.picture_table, self.table = torch.split(
            self._state, sizes, dim=1
        )
        self.token_ids = token_ids[:, 0]
        """The token that the next step computes."""
        self.lengths = lengths[:, 0]
        """Tokens of the row, that one included."""
        self.picture_lengths = picture_lengths[:, 0]
        self.sampling = SamplingRows.empty(rows, decoder.vocabulary, device)
        self.chosen = torch.zeros(rows, dtype=torch.int64, device=device)
        """What the last step chose; -1 where the values were no numbers."""
        self.logits = torch.zeros(rows, decoder.vocabulary, device=device)
        """float32, of the last step."""

    def step(self, rows: int, greedy: bool) -> None:
        """One token for each of the first `rows` rows; `greedy` if each takes the likeliest."""
        positions = (self.lengths[:rows] - 1).clamp(min=0)
        attention = self._attention(rows, positions)
        hidden = self._decoder.forward(self.token_ids[:rows], positions, self._own, self._pictures, attention)
        self.logits[:rows].copy_(self._decoder.logits(hidden))
        self._advance(slice(0, rows), self.logits[:rows], greedy)

    def _attention(self, rows: int, positions: torch.Tensor) -> Attention:
        lengths, table = self.lengths[:rows], self.table[:rows]
        picture_lengths, picture_table = self.picture_lengths[:rows], self.picture_table[:rows]
        page = table.gather(1, (positions // PAGE_SIZE).long()[:, None])[:, 0].long()
        slots = page * PAGE_SIZE + positions % PAGE_SIZE
        if dispatch.uses_kernels(lengths):
            return DecodeAttention(table, lengths, slots, picture_table, picture_lengths)
        return GatheredAttention(
            slots, Seen.by_rows(table, lengths), Seen.by_rows(picture_table, picture_lengths)
        )

    def begin(self, rows: Sequence[int], logits: torch.Tensor, greedy: bool) -> torch.Tensor:
        """Chooses the first token of rows whose prompts were read; returns it, int64 (rows).

        Args:
            logits: float32 (rows, vocabulary), after each prompt's last token.
        """
        index = upload(torch.tensor(rows), self.lengths.device)
        self._advance(index, logits, greedy)
        return self.chosen[index]

    def _advance(self, rows: slice | torch.Tensor, logits: torch.Tensor, greedy: bool) -> None:
        lengths = self.lengths[rows]
        if greedy:
            chosen = choose_greedily(logits, self._forbidden)
        else:
            sampling = self.sampling.of(rows)
            chosen = choose(logits, self._forbidden, lengths, sampling)
            self.sampling.seen[rows] = sampling.seen.scatter(1, chosen.clamp(min=0)[:, None], True)
        self.chosen[rows] = chosen
        self.token_ids[rows] = chosen.clamp(min=0).int()
        self.lengths[rows] = torch.where(lengths > 0, lengths + 1, lengths)

    def place(self, placements: Sequence[Placement]) -> None:
        """Puts sequences into rows."""
        device = self.lengths.device
        index = upload(torch.tensor([each.row for each in placements]), device)
        pictures = self.picture_table.shape[1]
        state = np.zeros((len(placements), self._state.shape[1]), np.int32)
        for numbers, each in zip(state, placements, strict=True):
            numbers[:3] = each.token_id, each.length, self._latents if each.picture else 0
            numbers[3 : 3 + pictures] = np.arange(pictures) + each.picture * pictures
            numbers[3 + pictures : 3 + pictures + len(each.pages)] = each.pages
        self._state.index_copy_(0, index, upload(torch.from_numpy(state), device))
        self.sampling.set(index, [(each.options, each.seed) for each in placements])
        for each in placements:
            if each.options is not None and each.options.repetition_penalty != 1.0:
                seen = upload(torch.tensor(sorted(set(each.seen))), device)
                self.sampling.seen[each.row].zero_().index_fill_(0, seen, True)

    def move(self, source: int, target: int) -> None:
        """Moves a row's sequence to a row that has none."""
        self._state[target].copy_(self._state[source])
        self.sampling.move(source, target)
        self.clear(source)

    def clear(self, row: int) -> None:
        """Makes a row one without a sequence."""
        self._state[row].zero_()
        self.sampling.clear(row)

    def wipe(self, rows: int) -> None:
        """Forgets what was in rows from number `rows` on."""
        self.sampling.seen[rows:].zero_()
