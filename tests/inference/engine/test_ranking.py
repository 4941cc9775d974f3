"""Labels compared: the model's own probabilities, the prompt computed once."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import Options, Prompt
from inference.engine.ranking import LABELS_AT_ONCE
from inference.loading import adopt_model
from inference.prepared import PreparedPicture
from inference.reference.runner import ReferenceRunner
from tests.inference.checkpoints import small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY, Stepped, with_pages
from tests.inference.oracle import PROMPTS, RED, VARIANTS, Oracle

PROMPT: Prompt = ["Classify the following image.\n", RED, "Category:"]
LABELS = [
    "cars",
    "car",
    "city landscape",
    "tree",
    "Eiffel Tower at night",
    *(f"{first} {second}" for first in ("house", "dog", "sun", "boat") for second in ("one", "two", "x", "")),
]
LABELS = [label.strip() for label in LABELS]


@pytest.fixture(params=VARIANTS)
def any_model(request: pytest.FixtureRequest) -> IdeficsForVisionText2Text:
    return small_model(small_config(**VARIANTS[request.param]))


def expected(
    model: IdeficsForVisionText2Text, tokenizer: PreTrainedTokenizerBase, stepped: Stepped
) -> list[tuple[str, float]]:
    """What the reference engine says, on the calling thread."""
    _, outcome = stepped.rank(PROMPT, LABELS)
    reference = ReferenceRunner(adopt_model(model, tokenizer), stepped.line)
    reference.step()
    assert outcome.ranked is not None, outcome.error
    return outcome.ranked


def test_ranks_as_the_reference_does(
    any_model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    settings = with_pages(64, idle_chunk_tokens=9)
    stepped = Stepped(any_model, small_tokenizer, settings)
    reference = expected(any_model, small_tokenizer, stepped)
    assert len(LABELS) > LABELS_AT_ONCE
    outcome = stepped.rank(PROMPT, LABELS)[1]
    answers = [stepped.ask(prompt, Options(max_new_tokens=7))[1] for prompt in PROMPTS]
    stepped.finish()
    assert outcome.ranked is not None, outcome.error
    assert [label for label, _ in outcome.ranked] == [label for label, _ in reference]
    assert dict(outcome.ranked) == pytest.approx(dict(reference), abs=1e-4)
    oracle = Oracle(any_model, small_tokenizer)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer.token_ids == oracle.answer(prompt, max_new_tokens=7)


def test_the_prompt_is_computed_once(
    small_tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped = Stepped(small_model(small_config()), small_tokenizer)
    decoder = stepped.engine.machine.decoder
    computed: list[int] = []
    forward = decoder.forward

    def counted(token_ids: torch.Tensor, *arguments: object) -> torch.Tensor:
        computed.append(len(token_ids))
        return forward(token_ids, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(decoder, "forward", counted)
    request, _ = stepped.rank(PROMPT, LABELS)
    stepped.keep_finishing()
    labels = sum(len(ids) - 1 for ids in request.labels.values())
    assert sum(computed) == len(request.prompt.token_ids) + labels
    computed.clear()
    stepped.rank(PROMPT, LABELS)
    stepped.finish()
    assert sum(computed) == 1 + labels


def test_who_was_read_in_the_pass_of_a_ranking_goes_on_from_its_own_prompt(
    small_tokenizer: PreTrainedTokenizerBase,
) -> None:
    model = small_model(small_config())
    stepped = Stepped(model, small_tokenizer)
    outcomes = []
    for prompt in PROMPTS[:3]:
        stepped.rank(PROMPT, ["a tree", "a house"])
        outcomes.append(stepped.ask(prompt, Options(max_new_tokens=5))[1])
    stepped.finish()
    oracle = Oracle(model, small_tokenizer)
    for prompt, outcome in zip(PROMPTS, outcomes, strict=False):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=5)


def test_answers_go_on_while_many_labels_are_compared(small_tokenizer: PreTrainedTokenizerBase) -> None:
    """A pass of labels between two steps; those who came first are done first."""
    settings = with_pages(300)
    stepped = Stepped(small_model(small_config()), small_tokenizer, settings)
    _, running = stepped.ask(PROMPTS[0], Options(max_new_tokens=30))
    stepped.step()
    ranked = [stepped.rank(PROMPT, LABELS)[1] for _ in range(3)]
    done = []
    for _ in range(6):
        stepped.step()
        done.append(sum(outcome.is_over for outcome in ranked))
    assert done == [0, 1, 1, 2, 2, 3]
    while not running.is_over:
        stepped.step()
    alone = [stepped.rank(PROMPT, LABELS)[1] for _ in range(3)]
    for _ in range(2):
        stepped.step()
    assert all(outcome.is_over for outcome in alone)
    stepped.finish()


def test_a_cancelled_ranking_ends_between_two_passes(small_tokenizer: PreTrainedTokenizerBase) -> None:
    stepped = Stepped(small_model(small_config()), small_tokenizer, SMALL_MEMORY)
    request, outcome = stepped.rank(PROMPT, LABELS)
    stepped.step()
    assert stepped.engine.running == [request]
    request.cancelled = True
    stepped.step()
    assert not stepped.engine.has_work()
    assert not outcome.is_over
    stepped.finish()


def test_pictures_are_known_by_all_their_pixels() -> None:
    pixels = torch.zeros(3, 8, 8).numpy()
    other = pixels.copy()
    other[2, 7, 7] = 1e-6
    assert PreparedPicture.of(pixels).digest != PreparedPicture.of(other).digest
    assert PreparedPicture.of(pixels).digest == PreparedPicture.of(pixels.copy()).digest
    assert len(PreparedPicture.of(pixels).digest) == 32
