"""Who is read and answered when: nobody waits for long, and passes and steps are no more than are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import EngineSettings, Generated, Options, Prompt
from inference.engine import loop, ranking, reading
from inference.engine.layout import Chunk
from inference.engine.machine import Machine
from inference.engine.pictures import PictureEncoder
from inference.engine.prefill import Prefill
from inference.prepared import PreparedPicture
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY, Stepped, with_pages
from tests.inference.oracle import PROMPTS, Oracle


@pytest.fixture(scope="module")
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


def test_nobody_has_to_wait_for_all_of_anothers_requests(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(40, most_rows=2))
    greedy = [stepped.ask(PROMPTS[0], Options(max_new_tokens=4), queue_key="a")[1] for _ in range(10)]
    modest = stepped.ask(PROMPTS[0], Options(max_new_tokens=4), queue_key="b")[1]
    while not modest.is_over:
        stepped.step()
    assert sum(outcome.is_over for outcome in greedy) <= 2
    stepped.finish()


def test_running_answers_go_on_while_a_long_prompt_is_read(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(60, chunk_tokens=8))
    _, running = stepped.ask(PROMPTS[0], Options(max_new_tokens=60))
    stepped.step()
    _, long = stepped.ask([Generated(tuple(range(300, 400)))], Options(max_new_tokens=4))
    lengths = []
    while not long.pieces and not long.is_over:
        before = _generated(stepped)
        stepped.step()
        lengths.append(_generated(stepped) - before)
    assert len(lengths) >= 100 // 8
    assert set(lengths[:-1]) == {1}
    stepped.finish()
    assert running.reply is not None


def _generated(stepped: Stepped) -> int:
    return int(stepped.engine.machine.rows.lengths[0])


@pytest.mark.parametrize(
    ("of_a_pass", "expected"),
    [
        # Nine find nobody; two gather; three are many beside eleven.
        (100, [(0, 9), (4, 2), (7, 3)]),
        # Two fill a pass; the third of three is one alone again.
        (2, [(0, 9), (2, 2), (7, 2), (11, 1)]),
    ],
)
def test_prompts_gather_while_many_others_are_answered(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    of_a_pass: int,
    expected: list[tuple[int, int]],
) -> None:
    """`expected` are the steps with a pass, and the prompts that are read in it, `of_a_pass` at most."""
    stepped = Stepped(model, small_tokenizer, with_pages(100, most_rows=16))
    assert stepped.engine.machine.steps_between_passes == 0  # on a CPU
    stepped.engine.machine.steps_between_passes = 3
    passes = stepped.engine.machine.prefill
    read: list[tuple[int, int]] = []
    step = 0

    def counted(chunks: Sequence[Chunk]) -> torch.Tensor:
        read.append((step, len(chunks)))
        return Prefill.read(passes, chunks)

    passes.read = counted  # type: ignore[method-assign]
    arrivals = {0: 9, 1: 1, 2: 1, 7: 3}
    outcomes = []
    for step in range(12):
        for _ in range(arrivals.get(step, 0)):
            prompt: Prompt = [Generated((300 + len(outcomes), *range(310, 318)))]
            request, outcome = stepped.ask(prompt, Options(max_new_tokens=40))
            outcomes.append(outcome)
            stepped.engine.machine.chunk_tokens = of_a_pass * len(request.prompt.token_ids)
        stepped.step()
    assert read == expected
    stepped.finish()
    assert all(outcome.reply is not None for outcome in outcomes)


@pytest.mark.parametrize("company", ["beams", "labels"])
def test_no_prompt_gathers_for_longer_than_some_steps(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, company: str
) -> None:
    """Beside beams, each of which is a row; what is compared meanwhile makes nobody wait."""
    stepped = Stepped(model, small_tokenizer, with_pages(200, most_rows=16))
    stepped.engine.machine.steps_between_passes = 3
    if company == "beams":
        stepped.ask(PROMPTS[0], Options(max_new_tokens=40, num_beams=12))
    else:
        for _ in range(6):
            stepped.rank(PROMPTS[0], ["one house", "another house", "a tree"])
    stepped.step()
    _, outcome = stepped.ask(PROMPTS[1], Options(max_new_tokens=2))
    steps = 0
    while not outcome.is_over:
        stepped.step()
        steps += 1
    assert steps == (4 if company == "beams" else 1)
    stepped.finish()


def test_pictures_are_encoded_some_at_a_time_while_others_are_answered(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that were waited for longest come first, and prompts are read as soon as theirs are there."""
    monkeypatch.setattr(loop, "BUSY_PICTURES", 3)
    monkeypatch.setattr(loop, "IDLE_PICTURES", 4)
    stepped = Stepped(model, small_tokenizer, with_pages(60, pictures=12))
    encoder = stepped.engine.machine.encoder
    encoded: list[int] = []
    order: list[bytes] = []

    def counted(pictures: Sequence[PreparedPicture], slots: Sequence[int]) -> None:
        encoded.append(len(pictures))
        order.extend(each.digest for each in pictures)
        PictureEncoder.encode(encoder, pictures, slots)

    encoder.encode = counted  # type: ignore[method-assign]
    colours = ("red", "blue", "green", "navy", "yellow", "black", "white", "pink", "gray", "brown")
    prompts: list[Prompt] = [[picture(colour), "is what?"] for colour in colours]
    prompts.insert(5, ["What?"])
    asked = [stepped.ask(prompt, Options(max_new_tokens=8)) for prompt in prompts[:6]]
    stepped.step()
    assert encoded == [4]
    assert int((stepped.engine.machine.rows.lengths > 0).sum()) == 5  # also the last, which has no picture
    asked += [stepped.ask(prompt, Options(max_new_tokens=8)) for prompt in prompts[6:]]
    stepped.step()
    stepped.step()
    assert encoded == [4, 3, 3]
    assert order == [each.digest for request, _ in asked for each in request.pictures.result()]
    stepped.finish()
    oracle = Oracle(model, small_tokenizer)
    for prompt, (_, outcome) in zip(prompts, asked, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=8)


@pytest.mark.parametrize("settings", [SMALL_MEMORY, replace(SMALL_MEMORY, runs_ahead=True)])
def test_an_answer_takes_a_step_for_each_token_but_the_first(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    settings: EngineSettings,
) -> None:
    steps: list[int] = []
    step = Machine.step

    def counted(machine: Machine, rows: int, greedy: bool) -> None:
        steps.append(rows)
        step(machine, rows, greedy)

    monkeypatch.setattr(Machine, "step", counted)
    reply = Stepped(model, small_tokenizer, settings).answer(PROMPTS[0], Options(max_new_tokens=6))
    assert reply.finish_reason == "length"
    assert steps == [1] * 5


def test_passes_have_no_more_tokens_than_they_may(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither new ones nor, where they are copied, those before them."""
    for part in (reading, ranking):
        monkeypatch.setattr(part, "MOST_GATHERED_TOKENS", 64)
    stepped = Stepped(model, small_tokenizer, with_pages(60, idle_chunk_tokens=40, chunk_tokens=20))
    passes = stepped.engine.machine.prefill
    sizes: list[tuple[int, int, int]] = []

    def counted(chunks: Sequence[Chunk]) -> torch.Tensor:
        new = sum(len(chunk.token_ids) for chunk in chunks)
        sizes.append((len(chunks), new, max(chunk.end for chunk in chunks) * len(chunks)))
        return Prefill.read(passes, chunks)

    passes.read = counted  # type: ignore[method-assign]
    outcomes = [stepped.ask(prompt, Options(max_new_tokens=5))[1] for prompt in [*PROMPTS, *PROMPTS]]
    stepped.keep_finishing()
    assert all(outcome.reply is not None for outcome in outcomes)
    assert max(new for _, new, _ in sizes) <= 40
    assert max(new for _, new, _ in sizes[1:]) <= 20
    assert all(number == 1 or gathered <= 64 for number, _, gathered in sizes)
    assert max(number for number, _, _ in sizes) > 1
    sizes.clear()
    request, ranked = stepped.rank(PROMPTS[1], ["one house", "another house", "a house and a tree", "two"])
    stepped.finish()
    assert ranked.ranked is not None
    assert all(number * len(request.prompt.token_ids) <= 64 for number, _, _ in sizes)
    assert max(number for number, _, _ in sizes) > 1
