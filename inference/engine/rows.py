"""The rows of the running batch, as the device sees them, and one decode step over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from inference.engine.attention import DecodeAttention, upload
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, PagedLayer, pages_for
from inference.engine.sampling import SamplingRows, choose, choose_likeliest, is_plain

if TYPE_CHECKING:
    from inference.surface import Options


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
        self.token_ids = torch.zeros(rows, dtype=torch.int64, device=device)
        """The token that the next step computes."""
        self.lengths = torch.zeros(rows, dtype=torch.int32, device=device)
        """Tokens of the row, that one included."""
        self.table = torch.zeros(rows, pages_for(context), dtype=torch.int32, device=device)
        self.picture_table = torch.zeros(rows, pages_for(latents), dtype=torch.int32, device=device)
        self.picture_lengths = torch.zeros(rows, dtype=torch.int32, device=device)
        self.sampling = SamplingRows.empty(rows, decoder.vocabulary, device)
        self.chosen = torch.zeros(rows, dtype=torch.int64, device=device)
        """What the last step chose; -1 where the values were no numbers."""
        self.logits = torch.zeros(rows, decoder.vocabulary, device=device)
        """float32, of the last step."""

    def step(self, rows: int, plain: bool) -> None:
        """One token for each of the first `rows` rows; `plain` if no row needs more than the likeliest."""
        lengths, table = self.lengths[:rows], self.table[:rows]
        positions = (lengths - 1).clamp(min=0).long()
        page = table.gather(1, (positions // PAGE_SIZE)[:, None])[:, 0].long()
        attention = DecodeAttention(
            table=table,
            lengths=lengths,
            slots=page * PAGE_SIZE + positions % PAGE_SIZE,
            picture_table=self.picture_table[:rows],
            picture_lengths=self.picture_lengths[:rows],
        )
        hidden = self._decoder.forward(self.token_ids[:rows], positions, self._own, self._pictures, attention)
        self.logits[:rows].copy_(self._decoder.logits(hidden))
        self._advance(slice(0, rows), self.logits[:rows], plain)

    def begin(self, rows: Sequence[int], logits: torch.Tensor, plain: bool) -> torch.Tensor:
        """Chooses the first token of rows whose prompts were read; returns it, int64 (rows).

        Args:
            logits: float32 (rows, vocabulary), after each prompt's last token.
        """
        index = upload(torch.tensor(rows), self.lengths.device)
        self._advance(index, logits, plain)
        return self.chosen[index]

    def _advance(self, rows: slice | torch.Tensor, logits: torch.Tensor, plain: bool) -> None:
        lengths = self.lengths[rows]
        if plain:
            chosen = choose_likeliest(logits, self._forbidden)
        else:
            sampling = self.sampling.of(rows)
            chosen = choose(logits, self._forbidden, lengths, sampling)
            self.sampling.seen[rows] = sampling.seen.scatter(1, chosen.clamp(min=0)[:, None], True)
        self.chosen[rows] = chosen
        self.token_ids[rows] = chosen.clamp(min=0)
        self.lengths[rows] = torch.where(lengths > 0, lengths + 1, lengths)

    def place(
        self,
        row: int,
        *,
        length: int,
        pages: Sequence[int],
        picture: int,
        token_id: int = 0,
        options: Options | None = None,
        seed: int = 0,
        seen: Sequence[int] = (),
    ) -> None:
        """Puts a sequence into a row.

        Args:
            length: tokens of the sequence, `token_id` included if it has been chosen.
            picture: the picture that its next tokens see, 0 for none.
            seen: the sequence's tokens, needed where a penalty is to be reckoned.
        """
        device = self.lengths.device
        self.lengths[row] = length
        self.token_ids[row] = token_id
        self.table[row, : len(pages)] = upload(torch.tensor(pages, dtype=torch.int32), device)
        self.table[row, len(pages) :] = 0
        first = picture * self.picture_table.shape[1]
        torch.arange(first, first + self.picture_table.shape[1], out=self.picture_table[row])
        self.picture_lengths[row] = self._latents if picture else 0
        if options is None or is_plain(options):
            self.sampling.temperature[row] = 0.0
            self.sampling.penalty[row] = 1.0
            return
        self.sampling.temperature[row] = options.temperature
        self.sampling.top_p[row] = options.top_p
        self.sampling.top_k[row] = options.top_k or self._decoder.vocabulary
        self.sampling.penalty[row] = options.repetition_penalty
        self.sampling.seed[row] = seed
        self.sampling.seen[row] = False
        if options.repetition_penalty != 1.0:
            self.sampling.seen[row].index_fill_(0, upload(torch.tensor(sorted(set(seen))), device), True)

    def move(self, source: int, target: int) -> None:
        """Moves a row's sequence to a row that has none."""
        for buffer in self._buffers():
            buffer[target].copy_(buffer[source])
        self.clear(source)

    def clear(self, row: int) -> None:
        """Makes a row one without a sequence."""
        self.lengths[row] = 0
        self.table[row] = 0
        self.picture_table[row] = 0
        self.picture_lengths[row] = 0
        self.sampling.temperature[row] = 0.0
        self.sampling.penalty[row] = 1.0

    def _buffers(self) -> tuple[torch.Tensor, ...]:
        sampling = self.sampling
        return (
            self.token_ids,
            self.lengths,
            self.table,
            self.picture_table,
            self.picture_lengths,
            sampling.temperature,
            sampling.top_p,
            sampling.top_k,
            sampling.penalty,
            sampling.seed,
            sampling.seen,
        )
