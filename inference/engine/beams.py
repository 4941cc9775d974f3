"""Beam search over rows of the running batch, scored as transformers' `_beam_search` scores.

The defaults of transformers hold: length penalty 1, no early stopping. The one best answer is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from inference.engine.pages import PAGE_SIZE

NEVER = -1.0e9
"""The score of what does not count, as in transformers."""


class BeamSearch:
    """The state of one search, on the CPU.

    Args:
        num_ends: kinds of end tokens.
        is_over: whether a generated sequence ends with its last token.
    """

    def __init__(
        self, num_beams: int, num_ends: int, max_new_tokens: int, is_over: Callable[[list[int]], bool]
    ) -> None:
        self._num_beams = num_beams
        self.candidates = max(2, 1 + num_ends) * num_beams
        """How many of the best continuations of all beams must be looked at."""
        self._max_new_tokens = max_new_tokens
        self._is_over = is_over
        self.running: list[list[int]] = [[] for _ in range(num_beams)]
        """Generated ids of each beam."""
        self.scores = torch.full((num_beams,), NEVER)
        """float32, sums of log-probabilities; at first only one of the equal beams counts."""
        self.scores[0] = 0.0
        self._finished: list[list[int]] = [[] for _ in range(num_beams)]
        self._finished_scores = torch.full((num_beams,), NEVER)
        self._is_finished = torch.zeros(num_beams, dtype=torch.bool)

    @property
    def best(self) -> list[int]:
        """Generated ids of the best finished sequence, its end included."""
        return self._finished[0]

    def advance(
        self, scores: torch.Tensor, beams: Sequence[int], token_ids: Sequence[int]
    ) -> list[int] | None:
        """Goes on with the best continuations.

        Args:
            scores: float32 (candidates), best first, as `best_continuations` gives them.
            beams: the beam that each continues.
            token_ids: the token that each adds.

        Returns:
            For each beam the one that it continues now; None when the search is over.
        """
        grown = [[*self.running[beam], token_id] for beam, token_id in zip(beams, token_ids, strict=True)]
        over = torch.tensor([self._is_over(ids) for ids in grown])
        length = len(grown[0])
        if length >= self._max_new_tokens:
            over[:] = True

        still_running = scores + over.to(torch.float32) * NEVER
        chosen = torch.topk(still_running, k=self._num_beams)[1]

        # Only the first beams can finish; the other candidates are there to go on with.
        finishing = over & (torch.arange(len(grown)) < self._num_beams)
        final = scores / length
        final = final + (~finishing).to(torch.float32) * NEVER
        merged = torch.cat((self._finished_scores, final))
        kept = torch.topk(merged, k=self._num_beams)[1]
        everything = [*self._finished, *grown]
        self._finished = [everything[index] for index in kept.tolist()]
        self._finished_scores = merged[kept]
        self._is_finished = torch.cat((self._is_finished, finishing))[kept]

        parents = [beams[index] for index in chosen.tolist()]
        self.running = [grown[index] for index in chosen.tolist()]
        self.scores = still_running[chosen]
        best_possible = self.scores[0] / length
        worst = torch.where(self._is_finished, self._finished_scores.min(), NEVER)
        may_improve = bool((best_possible > worst).any())
        return parents if may_improve and not bool(over.all()) else None


def best_continuations(
    logits: torch.Tensor,
    forbidden: torch.Tensor,
    scores: torch.Tensor,
    candidates: int,
    *,
    penalty: float = 1.0,
    sequences: Sequence[Sequence[int]] = (),
) -> tuple[torch.Tensor, list[int], list[int]]:
    """Scores, beams and token ids of the best continuations of all beams together, best first.

    Args:
        logits: float32 (beams, vocabulary).
        scores: float32 (beams), on the CPU.
        sequences: all tokens of each beam, needed for a repetition penalty other than 1.
    """
    log_probabilities = logits.log_softmax(dim=-1)
    if penalty != 1.0:
        for row, ids in zip(log_probabilities, sequences, strict=True):
            index = torch.tensor(sorted(set(ids)), device=row.device)
            # Logarithms of probabilities are never positive: a penalty makes them larger negative numbers.
            row[index] *= penalty
    total = log_probabilities + forbidden + scores.to(logits.device)[:, None]
    best = torch.topk(total.flatten(), k=candidates)
    places = best.indices.tolist()
    vocabulary = logits.shape[1]
    return best.values.cpu(), [at // vocabulary for at in places], [at % vocabulary for at in places]


class BeamPages:
    """The pages of each beam: full ones are shared among beams, the one being filled is each beam's own.

    Args:
        prompt: full pages of the prompt, which no beam writes to.
        private: all pages that beams may fill, the first of them with the prompt's last tokens.
        length: tokens of the prompt.
    """

    def __init__(self, prompt: Sequence[int], private: Sequence[int], length: int, num_beams: int) -> None:
        self._prompt = list(prompt)
        self._private = list(private)
        begun = self._private[:1] if length % PAGE_SIZE else []
        self.tables: list[list[int]] = [self._prompt + begun] + [[] for _ in range(num_beams - 1)]
        self._length = length

    def continue_from(self, parents: Sequence[int]) -> list[tuple[int, int]]:
        """Has each beam continue its parent, with room for one more token.

        Returns:
            Pages that must be copied, from and to, before that token is computed.
        """
        full = self._length // PAGE_SIZE
        begun = self._length % PAGE_SIZE > 0
        tables = [self.tables[parent][:full] for parent in parents]
        goes_on: set[int] = set()  # Parents whose page is already another's to go on with.
        for table, parent in zip(tables, parents, strict=True):
            if begun and parent not in goes_on:
                goes_on.add(parent)
                table.append(self.tables[parent][full])
        used = {page for table in tables for page in table}
        free = [page for page in self._private if page not in used]
        pairs = []
        for table, parent in zip(tables, parents, strict=True):
            if len(table) == full:
                table.append(free.pop())
                if begun:
                    pairs.append((self.tables[parent][full], table[-1]))
        self.tables = tables
        self._length += 1
        return pairs
