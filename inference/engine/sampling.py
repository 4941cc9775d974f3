"""The next token of each row, chosen on the device: nothing here waits for it or depends on values.

Random numbers are a function of the row's seed, its length and the token alone, so that an answer does not
depend on its company, and comes out the same when a request is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from inference.engine.transfers import upload
from inference.sampling import LEAST_TEMPERATURE
from inference.surface import Options

# Multipliers of splitmix64 (Steele, Lea, Flood 2014), as signed numbers.
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


@dataclass(frozen=True, slots=True)
class SamplingRows:
    """The options of each row, on the device; all tensors have one entry for each row."""

    numbers: torch.Tensor
    """float32 (rows, 4), see the properties"""
    seed: torch.Tensor
    """int64"""
    seen: torch.Tensor
    """bool (rows, vocabulary): tokens that the sequence has; kept up only for rows with a penalty"""

    @classmethod
    def empty(cls, rows: int, vocabulary: int, device: torch.device) -> SamplingRows:
        return cls(
            numbers=torch.tensor([_numbers(None, vocabulary)] * rows, device=device),
            seed=torch.zeros(rows, dtype=torch.int64, device=device),
            seen=torch.zeros(rows, vocabulary, dtype=torch.bool, device=device),
        )

    @property
    def temperature(self) -> torch.Tensor:
        """0 for greedy"""
        return self.numbers[:, 0]

    @property
    def top_p(self) -> torch.Tensor:
        return self.numbers[:, 1]

    @property
    def top_k(self) -> torch.Tensor:
        """The size of the vocabulary for all tokens"""
        return self.numbers[:, 2]

    @property
    def penalty(self) -> torch.Tensor:
        return self.numbers[:, 3]

    def of(self, rows: slice | torch.Tensor) -> SamplingRows:
        """Those of some rows: a view for a slice, a copy for indices."""
        return SamplingRows(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def set(self, index: torch.Tensor, options: Sequence[tuple[Options | None, int]]) -> None:
        """Puts options and seeds into the rows at `index`; without options the likeliest token is taken."""
        vocabulary = self.seen.shape[1]
        numbers = torch.tensor([_numbers(each, vocabulary) for each, _ in options])
        self.numbers.index_copy_(0, index, upload(numbers, index.device))
        self.seed.index_copy_(0, index, upload(torch.tensor([seed for _, seed in options]), index.device))

    def move(self, source: int, target: int) -> None:
        for field in fields(self):
            tensor: torch.Tensor = getattr(self, field.name)
            tensor[target].copy_(tensor[source])

    def clear(self, row: int) -> None:
        self.numbers[row, 0].zero_()
        self.numbers[row, 3].fill_(1.0)


def _numbers(options: Options | None, vocabulary: int) -> tuple[float, float, float, float]:
    if options is None or is_greedy(options):
        return 0.0, 1.0, float(vocabulary), 1.0
    return (
        options.temperature,
        options.top_p,
        float(options.top_k or vocabulary),
        options.repetition_penalty,
    )


def is_greedy(options: Options) -> bool:
    """Whether the likeliest token is always the next one."""
    return options.temperature == 0.0 and options.repetition_penalty == 1.0


def choose_greedily(logits: torch.Tensor, forbidden: torch.Tensor) -> torch.Tensor:
    """int64 (rows): the token with the greatest logit; -1 where they are no numbers.

    Args:
        logits: float32 (rows, vocabulary).
        forbidden: float32 (vocabulary), -inf for tokens that must not be chosen, else 0.
    """
    best, token_ids = (logits + forbidden).max(dim=-1)
    return token_ids.masked_fill(best.isnan(), -1)


def choose(
    logits: torch.Tensor, forbidden: torch.Tensor, lengths: torch.Tensor, rows: SamplingRows
) -> torch.Tensor:
    """int64 (rows): each row's next token by its own options; -1 where the logits are no numbers.

    Args:
        logits: float32 (rows, vocabulary).
        lengths: int (rows): tokens of each row so far.
    """
    punished = torch.where(logits > 0, logits / rows.penalty[:, None], logits * rows.penalty[:, None])
    scores = torch.where(rows.seen, punished, logits) + forbidden
    best, likeliest = scores.max(dim=-1)
    ordered, order = (scores / rows.temperature.clamp(min=LEAST_TEMPERATURE)[:, None]).sort(
        dim=-1, descending=True
    )
    ranks = torch.arange(ordered.shape[1], device=ordered.device)
    ordered = ordered.masked_fill(ranks >= rows.top_k[:, None], -torch.inf)
    probabilities = ordered.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    top_p = rows.top_p[:, None]
    ordered = ordered.masked_fill((before >= top_p) & (top_p < 1.0), -torch.inf)
    # Adding Gumbel noise and taking the greatest draws from the softmax.
    winner = (ordered + _gumbel(rows.seed, lengths, order)).argmax(dim=-1, keepdim=True)
    drawn = order.gather(1, winner)[:, 0]
    return torch.where(rows.temperature > 0.0, drawn, likeliest).masked_fill(best.isnan(), -1)


def _gumbel(seed: torch.Tensor, lengths: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """float32 of the shape of `token_ids`, (rows, ...)."""
    state = _mix(_mix(seed) + lengths.long() * _GOLDEN)
    bits = _shifted(_mix(state[:, None] + token_ids * _GOLDEN), 41)
    # 23 bits and a half are a float32 exactly: with one more the last of them would be 1, whose noise is
    # infinite, and in a large vocabulary some token would have it at every few hundredth draw.
    uniform = (bits.float() + 0.5) * 2.0**-23
    noise: torch.Tensor = -(-uniform.log()).log()
    return noise


def _mix(x: torch.Tensor) -> torch.Tensor:
    """64 bits well stirred; multiplication wraps around."""
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    mixed: torch.Tensor = x ^ _shifted(x, 31)
    return mixed


def _shifted(x: torch.Tensor, by: int) -> torch.Tensor:
    """Shifted right without the sign."""
    shifted: torch.Tensor = (x >> by) & (2 ** (64 - by) - 1)
    return shifted
