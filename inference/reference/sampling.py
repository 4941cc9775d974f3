"""Drawing a token from the model's scores, one row at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from inference.sampling import LEAST_TEMPERATURE


def draw(
    scores: torch.Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator
) -> int:
    """A token drawn from the softmax of `scores` / `temperature`, among the best `top_k`, within the nucleus
    of `top_p`.

    Depends on nothing but its arguments: the same generator state gives the same token whatever else is
    in the batch, and on every device, because the noise comes from the CPU.

    Args:
        scores: float32 of shape (vocabulary); -inf for tokens that must not be drawn.
        top_k: as many of the most probable tokens can be drawn; 0 for all.
        top_p: the most probable tokens that together reach this probability can be drawn.
        generator: on the CPU; it advances by one number for each token of the vocabulary.
    """
    scores = scores.float() / max(temperature, LEAST_TEMPERATURE)
    if 0 < top_k < len(scores):
        scores = scores.masked_fill(scores < scores.topk(top_k).values[-1], -torch.inf)
    probabilities = torch.softmax(scores, dim=-1)
    if top_p < 1.0:
        ordered, order = probabilities.sort(descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        probabilities[order[before >= top_p]] = 0.0
    # The exponential race: token i wins with its probability, without sums that round away small ones.
    noise = torch.empty(scores.shape).exponential_(generator=generator).to(scores.device)
    return int((probabilities / noise).argmax())


def penalize(scores: torch.Tensor, token_ids: Sequence[int], penalty: float) -> None:
    """Makes tokens that are there already less likely, in place, as transformers does.

    Args:
        scores: (vocabulary).
        penalty: above 1 for less likely, below for more.
    """
    index = torch.tensor(sorted(set(token_ids)), device=scores.device)
    found = scores[index]
    scores[index] = torch.where(found < 0, found * penalty, found / penalty)
