"""Drawing on the device: by the options of each row, and the same in any company."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import Options
from inference.engine.sampling import SamplingRows, choose, choose_greedily
from tests.inference.checkpoints import small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY, Stepped
from tests.inference.oracle import PROMPTS, Oracle

SCORES = torch.tensor([2.0, 1.0, 9.0, 0.0, -1.0])
FORBIDDEN = torch.tensor([0.0, 0.0, -torch.inf, 0.0, 0.0])
DRAWS = 4000


def shares(**options: float) -> list[float]:
    rows = SamplingRows.empty(DRAWS, len(SCORES), torch.device("cpu"))
    rows.temperature.fill_(1.0)
    rows.seed.copy_(torch.arange(DRAWS))
    for name, value in options.items():
        getattr(rows, name).fill_(value)
    drawn = choose(SCORES.expand(DRAWS, -1), FORBIDDEN, torch.full((DRAWS,), 7), rows)
    return (drawn.bincount(minlength=len(SCORES)) / DRAWS).tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature: float) -> None:
    expected = ((SCORES + FORBIDDEN) / temperature).softmax(-1).tolist()
    assert shares(temperature=temperature) == pytest.approx(expected, abs=0.03)


def test_only_the_nucleus_and_the_best_are_drawn_from() -> None:
    first, second = (SCORES + FORBIDDEN).softmax(-1).tolist()[:2]
    both = [first / (first + second), second / (first + second), 0, 0, 0]
    assert shares(top_p=0.7) == pytest.approx(both, abs=0.03)
    assert shares(top_k=2) == pytest.approx(both, abs=0.03)
    assert shares(top_p=first - 0.01) == shares(top_k=1) == shares(temperature=1e-9) == [1, 0, 0, 0, 0]
    assert shares(temperature=0.0) == [1, 0, 0, 0, 0]
    # The nucleus is that of the best which are left.
    assert shares(top_k=2, top_p=first / (first + second) - 0.01) == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(("seed", "token_id"), [(24851182, 2), (13628139, 4), (57539157, 4)])
def test_what_is_masked_is_not_drawn_by_the_greatest_noise_there_is(seed: int, token_id: int) -> None:
    """At length 7 these seeds give that token the greatest of all random numbers."""
    rows = SamplingRows.empty(1, len(SCORES), torch.device("cpu"))
    rows.temperature.fill_(1.0)
    rows.top_k.fill_(3)
    rows.seed.fill_(seed)
    drawn = choose(SCORES[None], FORBIDDEN, torch.tensor([7]), rows)
    assert drawn.tolist() != [token_id]
    rows.top_k.fill_(5)
    everything = choose(SCORES[None], torch.zeros(5), torch.tensor([7]), rows)
    assert everything.tolist() == [token_id]


def test_draws_at_different_lengths_and_of_different_seeds_have_nothing_in_common() -> None:
    rows = SamplingRows.empty(DRAWS, 2, torch.device("cpu"))
    rows.temperature.fill_(1.0)
    even = torch.zeros(DRAWS, 2)
    by_length = choose(even, even[0], torch.arange(DRAWS), rows)
    rows.seed.copy_(torch.arange(DRAWS))
    by_seed = choose(even, even[0], torch.zeros(DRAWS, dtype=torch.int64), rows)
    for drawn in (by_length, by_seed):
        assert drawn.float().mean() == pytest.approx(0.5, abs=0.04)
        assert (drawn[1:] == drawn[:-1]).float().mean() == pytest.approx(0.5, abs=0.04)
    assert (by_length == by_seed).float().mean() == pytest.approx(0.5, abs=0.04)


def test_what_is_no_number_is_told_apart() -> None:
    logits = torch.zeros(3, 5)
    logits[1, 4] = torch.nan
    logits[2, 3] = 1.0
    rows = SamplingRows.empty(3, 5, torch.device("cpu"))
    assert choose_greedily(logits, FORBIDDEN).tolist() == [0, -1, 3]
    assert choose(logits, FORBIDDEN, torch.zeros(3), rows).tolist() == [0, -1, 3]


@pytest.fixture(scope="module")
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


def test_the_same_seed_gives_the_same_answer_in_any_company(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    def sampled(seed: int | None, penalty: float = 1.0) -> Options:
        return Options(max_new_tokens=12, temperature=1.0, top_p=0.9, seed=seed, repetition_penalty=penalty)

    alone = Stepped(model, small_tokenizer).answer(PROMPTS[1], sampled(7)).token_ids
    punished = Stepped(model, small_tokenizer).answer(PROMPTS[1], sampled(7, 0.3)).token_ids
    ahead = replace(SMALL_MEMORY, most_rows=5, runs_ahead=True)
    for settings in (SMALL_MEMORY, ahead):
        stepped = Stepped(model, small_tokenizer, settings)
        company = [
            (PROMPTS[3], sampled(1)),
            (PROMPTS[1], sampled(7)),
            (PROMPTS[0], Options(max_new_tokens=3)),
            (PROMPTS[1], sampled(8)),
            (PROMPTS[1], Options(max_new_tokens=12)),
            (PROMPTS[1], sampled(7, 0.3)),
            (PROMPTS[1], sampled(None)),
            (PROMPTS[1], sampled(None)),
            (PROMPTS[1], sampled(-3)),
        ]
        outcomes = []
        for prompt, options in company:
            outcomes.append(stepped.ask(prompt, options)[1])
            stepped.step()
        stepped.finish()
        found = [outcome.token_ids for outcome in outcomes]
        assert found[1] == alone
        assert found[5] == punished
        assert len(set(found)) == len(company)
        assert found[4] == Oracle(model, small_tokenizer).answer(PROMPTS[1], max_new_tokens=12)
