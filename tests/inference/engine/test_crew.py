"""Pictures and prompts shared out among threads."""

from __future__ import annotations

from functools import partial
from threading import Barrier, Event, current_thread

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from inference import Options
from inference.engine import machine
from inference.engine.crew import Crew, shares
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import Stepped
from tests.inference.oracle import PROMPTS, VARIANTS, Oracle

TOGETHER = [*PROMPTS, ["User:", picture("yellow", (40, 30)), "Where is it?"]]


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([1] * 8, 2, [4, 4]),
        ([1] * 8, 3, [3, 2, 3]),
        ([1], 4, [1]),
        ([5, 1, 1, 1, 1, 1], 2, [1, 5]),
        ([100, 1, 1], 2, [1, 2]),
        ([1, 1, 100], 4, [2, 1]),
        ([7, 7], 1, [2]),
        ([], 2, [0]),
    ],
)
def test_shares_are_about_the_same(sizes: list[int], most: int, expected: list[int]) -> None:
    found = shares(sizes, most)
    assert [len(sizes[share]) for share in found] == expected
    assert [size for share in found for size in sizes[share]] == sizes


def test_works_are_done_side_by_side_and_without_gradients() -> None:
    together = Barrier(3)
    weight = torch.ones(2, requires_grad=True)

    def work(number: int) -> tuple[int, bool]:
        together.wait(timeout=60)  # breaks if they are done one after the other
        return number, (weight * number).requires_grad

    with torch.no_grad():
        assert Crew(3).run([partial(work, number) for number in range(3)]) == [(n, False) for n in range(3)]


@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_comes_once_all_works_are_over(broken: int) -> None:
    failed, over = Event(), Event()

    def breaks() -> None:
        failed.set()
        raise ValueError("broken")

    def goes_on() -> None:
        assert failed.wait(timeout=60)
        over.set()

    with pytest.raises(ValueError, match="broken"):
        Crew(2).run([breaks, goes_on] if broken == 0 else [goes_on, breaks])
    assert over.is_set()


def test_tokens_are_those_of_generate(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "idle_threads", lambda: 3)
    model = small_model(small_config(**VARIANTS["80b"]))
    oracle = Oracle(model, small_tokenizer)
    seen_by: dict[str, set[str]] = {"pictures": set(), "prompts": set()}
    model.model.vision_model.register_forward_pre_hook(
        lambda *_: seen_by["pictures"].add(current_thread().name)
    )
    stepped = Stepped(model, small_tokenizer)
    passes = stepped.engine.machine.prefill
    read = passes._read_gathered

    def noted(*arguments: object) -> torch.Tensor:
        seen_by["prompts"].add(current_thread().name)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(passes, "_read_gathered", noted)
    outcomes = [stepped.ask(prompt, Options(max_new_tokens=9))[1] for prompt in TOGETHER]
    stepped.finish()
    assert all(len(threads) > 1 for threads in seen_by.values()), seen_by
    for prompt, outcome in zip(TOGETHER, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=9)
