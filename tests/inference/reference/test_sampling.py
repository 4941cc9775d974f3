from __future__ import annotations

from collections import Counter

import pytest
import torch
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

from inference.reference.sampling import draw, penalize

SCORES = torch.tensor([2.0, 1.0, -torch.inf, 0.0, -1.0])
DRAWS = 4000


def shares(temperature: float, top_p: float, *, top_k: int = 0, seed: int = 0) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    drawn = Counter(draw(SCORES.clone(), temperature, top_k, top_p, generator) for _ in range(DRAWS))
    return [drawn[token_id] / DRAWS for token_id in range(len(SCORES))]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature: float) -> None:
    expected = (SCORES / temperature).softmax(-1).tolist()
    assert shares(temperature, 1.0) == pytest.approx(expected, abs=0.03)


def test_only_the_nucleus_is_drawn_from() -> None:
    first, second = SCORES.softmax(-1).tolist()[:2]
    assert first < 0.7 < first + second
    expected = [first / (first + second), second / (first + second), 0, 0, 0]
    assert shares(1.0, 0.7) == pytest.approx(expected, abs=0.03)
    assert shares(1.0, first - 0.01) == [1, 0, 0, 0, 0]


def test_near_zero_is_greedy() -> None:
    assert shares(1e-300, 1.0) == [1, 0, 0, 0, 0]
    assert shares(1.0, 1e-9) == [1, 0, 0, 0, 0]


def test_only_the_best_are_drawn_from() -> None:
    first, second = SCORES.softmax(-1).tolist()[:2]
    expected = [first / (first + second), second / (first + second), 0, 0, 0]
    assert shares(1.0, 1.0, top_k=2) == pytest.approx(expected, abs=0.03)
    assert shares(1.0, 1.0, top_k=1) == [1, 0, 0, 0, 0]
    assert shares(1.0, 1.0, top_k=99) == shares(1.0, 1.0)


def test_a_penalty_is_that_of_transformers() -> None:
    token_ids = [3, 0, 4, 3]
    scores = torch.randn(6, generator=torch.Generator().manual_seed(0))
    expected = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([token_ids]), scores[None].clone())[0]
    penalize(scores, token_ids, 1.7)
    assert torch.equal(scores, expected)
