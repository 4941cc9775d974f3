"""What can happen to an engine, in any order: answers are right, and nothing is left of what is over."""

from __future__ import annotations

import random

import pytest
from transformers import PreTrainedTokenizerBase

from inference import EngineError, EngineSettings, Options
from inference.engine.machine import Machine
from inference.engine.pages import pages_for
from inference.requests import Request
from tests.inference.checkpoints import small_config, small_model
from tests.inference.engine.stepping import A_PAGE, A_PICTURE, Outcome, Stepped
from tests.inference.engine.test_parity import KINDS, MANY, Expected
from tests.inference.oracle import VARIANTS

LABELS = ["cars", "car", "city landscape", "tree", "Eiffel Tower at night"]


@pytest.fixture(scope="module")
def expected(small_tokenizer: PreTrainedTokenizerBase) -> Expected:
    return Expected(small_model(small_config(**VARIANTS["80b"]), seed=3), small_tokenizer)


@pytest.fixture(scope="module")
def ranked(expected: Expected, small_tokenizer: PreTrainedTokenizerBase) -> list[dict[str, float]]:
    """What becomes of the labels after each prompt, alone."""
    stepped = Stepped(expected.model, small_tokenizer)
    outcomes = [stepped.rank(prompt, LABELS)[1] for prompt in MANY]
    stepped.finish()
    return [dict(outcome.ranked or ()) for outcome in outcomes]


def stepped_with(expected: Expected, tokenizer: PreTrainedTokenizerBase, dice: random.Random) -> Stepped:
    chunk = dice.choice([3, 16, 64])
    settings = EngineSettings(
        context_bytes=dice.randint(14, 40) * A_PAGE,
        picture_bytes=dice.randint(4, 6) * A_PICTURE,
        most_rows=dice.randint(4, 9),
        chunk_tokens=chunk,
        idle_chunk_tokens=2 * chunk,
        runs_ahead=dice.random() < 0.5,
        remembered=dice.choice([0, 2, 5]),
    )
    return Stepped(expected.model, tokenizer, settings)


@pytest.mark.parametrize("device_fails", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_anything_in_any_order(
    expected: Expected,
    ranked: list[dict[str, float]],
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    device_fails: bool,
) -> None:
    """Answers, beams and labels; some cancelled; what was asked forgotten; now and then a step that fails."""
    dice = random.Random(seed)
    step = Machine.step

    def failing(machine: Machine, rows: int, greedy: bool) -> None:
        if device_fails and dice.random() < 0.03:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        step(machine, rows, greedy)

    monkeypatch.setattr(Machine, "step", failing)
    stepped = stepped_with(expected, small_tokenizer, dice)
    asked: list[tuple[int, int, Request, Outcome]] = []

    def go_on(steps: int) -> None:
        for _ in range(steps):
            stepped.step()
            for _, _, request, _ in asked:
                request.cancelled |= dice.random() < 0.01
            if dice.random() < 0.05:
                for request in (*stepped.line.waiting(), *stepped.engine.running):
                    request.is_forgotten = True  # as the worker does
                stepped.engine.forget()

    for _ in range(12):
        prompt, kind = dice.randrange(len(MANY)), dice.randrange(len(KINDS))
        if dice.random() < 0.2:
            asked.append((prompt, kind, *stepped.rank(MANY[prompt], LABELS)))
        else:
            asked.append((prompt, kind, *stepped.ask(MANY[prompt], Options(**KINDS[kind]), prompt % 3)))
        go_on(dice.randint(0, 4))
    for _ in range(2000):
        if stepped.engine.has_work():
            go_on(1)
    for prompt, kind, request, outcome in asked:
        if outcome.ranked is not None:
            assert dict(outcome.ranked) == pytest.approx(ranked[prompt], abs=1e-3)
        elif outcome.reply is not None:
            assert outcome.token_ids == expected(prompt, kind)
        elif outcome.error is not None:
            assert "memory for" in str(outcome.error) or (
                device_fails and type(outcome.error) is EngineError and "log" in str(outcome.error)
            )
        else:
            assert request.cancelled
    stepped.engine.forget()
    stepped.assert_nothing_in_use()
    machine = stepped.engine.machine
    of_a_picture = pages_for(machine.latents)
    for layers, first in ((machine.memory.own, 1), (machine.memory.picture_layers, of_a_picture)):
        assert not any(tensor[first:].any() for layer in layers for tensor in (layer.keys, layer.values))
