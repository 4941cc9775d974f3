"""Token for token what `generate` gives each prompt alone, whatever else runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import END_OF_UTTERANCE, EngineSettings, Generated, Options, Prompt
from inference.engine.prefixes import LEAST_TOKENS
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import A_PAGE, SMALL_MEMORY, Outcome, Stepped
from tests.inference.oracle import BLUE, GREEN, PROMPTS, RED, VARIANTS, Oracle

PICTURES = [RED, BLUE, GREEN, picture("yellow")]
MANY: list[Prompt] = [
    *PROMPTS,
    ["Four:", *PICTURES, "Which of them is a tree?"],
    [
        "User:",
        RED,
        "What is this?",
        END_OF_UTTERANCE,
        "\nAssistant: a house",
        END_OF_UTTERANCE,
        "\nUser: why",
    ],
    [
        "User:",
        GREEN,
        "What is this?",
        END_OF_UTTERANCE,
        "\nAssistant: a house",
        END_OF_UTTERANCE,
        "\nUser: why",
    ],
    ["A long text without any picture, " * 3],
]
KINDS: list[dict[str, Any]] = [
    {"max_new_tokens": 14},
    {"max_new_tokens": 5},
    {"max_new_tokens": 1},
    {"max_new_tokens": 9, "num_beams": 2},
    {"max_new_tokens": 9, "num_beams": 4},
    {"max_new_tokens": 11, "repetition_penalty": 1.4},
    {"max_new_tokens": 7, "num_beams": 3, "repetition_penalty": 1.4},
]
WAYS = {
    "as on a CPU": SMALL_MEMORY,
    "as on a GPU": replace(SMALL_MEMORY, runs_ahead=True),
    "in small chunks": replace(SMALL_MEMORY, chunk_tokens=5, idle_chunk_tokens=9),
}


class Expected:
    """The oracle's answers, each worked out once."""

    def __init__(self, model: IdeficsForVisionText2Text, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self._oracle = Oracle(model, tokenizer)
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}

    def __call__(self, prompt: int, kind: int) -> tuple[int, ...]:
        if (prompt, kind) not in self._known:
            self._known[prompt, kind] = self._oracle.answer(MANY[prompt], **KINDS[kind])
        return self._known[prompt, kind]


@pytest.fixture(scope="module", params=VARIANTS)
def expected(request: pytest.FixtureRequest, small_tokenizer: PreTrainedTokenizerBase) -> Expected:
    return Expected(small_model(small_config(**VARIANTS[request.param])), small_tokenizer)


@pytest.fixture(scope="module")
def expected_of_80b(small_tokenizer: PreTrainedTokenizerBase) -> Expected:
    return Expected(small_model(small_config(**VARIANTS["80b"]), seed=3), small_tokenizer)


@pytest.mark.parametrize("way", WAYS)
def test_mixed_arrivals(expected: Expected, small_tokenizer: PreTrainedTokenizerBase, way: str) -> None:
    stepped = Stepped(expected.model, small_tokenizer, WAYS[way])
    asked = []
    for number, prompt in enumerate([*range(len(MANY)), *range(len(MANY))]):
        kind = (number * 5) % len(KINDS)
        asked.append((prompt, kind, stepped.ask(MANY[prompt], Options(**KINDS[kind]))[1]))
        for _ in range(number % 3):
            stepped.step()
    stepped.finish()
    for prompt, kind, outcome in asked:
        assert outcome.token_ids == expected(prompt, kind), (prompt, kind)


def test_pictures_matter(expected: Expected) -> None:
    assert expected(6, 0) != expected(7, 0)
    assert len({expected(prompt, 0) for prompt in range(len(MANY))}) > 5


def test_a_conversation_goes_on_from_what_was_computed(
    expected: Expected, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    oracle = Oracle(expected.model, small_tokenizer)
    stepped = Stepped(expected.model, small_tokenizer)
    options = Options(max_new_tokens=6)

    def ask(prompt: Prompt) -> Outcome:
        outcome = stepped.ask(prompt, options)[1]
        stepped.keep_finishing()
        return outcome

    opening = "You answer questions about pictures. User:"
    first: Prompt = [opening, RED, "What is this?", END_OF_UTTERANCE, "\nAssistant:"]
    reply = ask(first).reply
    assert reply is not None
    assert reply.cached_tokens == 0
    again = ask(first).reply
    assert again is not None
    assert again.token_ids == reply.token_ids
    assert again.cached_tokens == reply.prompt_tokens - 1

    question: Prompt = [END_OF_UTTERANCE, "\nUser: Why?", END_OF_UTTERANCE, "\nAssistant:"]
    follow_up = ask([*first, Generated(reply.token_ids), *question]).reply
    assert follow_up is not None
    assert follow_up.cached_tokens == reply.prompt_tokens + reply.completion_tokens - 1
    answer = small_tokenizer.decode(reply.token_ids)
    if stepped._encoder.encode([*first, answer]).token_ids[reply.prompt_tokens :] == reply.token_ids:
        assert follow_up.token_ids == oracle.answer([*first, answer, *question], max_new_tokens=6)
    fresh = Stepped(expected.model, small_tokenizer)
    alone = fresh.answer([*first, Generated(reply.token_ids), *question], options)
    assert (alone.token_ids, alone.cached_tokens) == (follow_up.token_ids, 0)

    exchanged: Prompt = [opening, BLUE, *first[2:]]
    other = ask(exchanged).reply
    assert other is not None
    assert other.token_ids == oracle.answer(exchanged, max_new_tokens=6)
    before_the_picture = len(stepped._encoder.encode([opening]).token_ids) + 1
    assert other.cached_tokens == before_the_picture >= LEAST_TOKENS
    edited: Prompt = [*first[:2], "Where is this?", END_OF_UTTERANCE, "\nAssistant:"]
    changed = ask(edited).reply
    assert changed is not None
    assert changed.token_ids == oracle.answer(edited, max_new_tokens=6)
    assert before_the_picture + 2 <= changed.cached_tokens < changed.prompt_tokens - 5

    stepped.answer(["User:", BLUE, "What is this?"], options)
    assert stepped.answer(["User:", BLUE, "Why?"], options).cached_tokens == 0  # too little in common


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schedule=st.lists(
        st.tuples(
            st.integers(0, len(MANY) - 1),
            st.integers(0, len(KINDS) - 1),
            st.integers(0, 4),
            st.one_of(st.none(), st.integers(0, 6)),
        ),
        min_size=1,
        max_size=12,
    ),
    pages=st.integers(12, 40),
    most_rows=st.integers(4, 9),
    chunk=st.sampled_from([3, 16, 64]),
    runs_ahead=st.booleans(),
)
def test_any_schedule(
    expected_of_80b: Expected,
    small_tokenizer: PreTrainedTokenizerBase,
    schedule: list[tuple[int, int, int, int | None]],
    pages: int,
    most_rows: int,
    chunk: int,
    runs_ahead: bool,
) -> None:
    """Requests as (prompt, options, steps before the next, steps until it is cancelled)."""
    stepped = Stepped(
        expected_of_80b.model,
        small_tokenizer,
        EngineSettings(
            context_bytes=pages * A_PAGE,
            picture_bytes=2**17,
            most_rows=most_rows,
            chunk_tokens=chunk,
            idle_chunk_tokens=2 * chunk,
            runs_ahead=runs_ahead,
            remembered=5,
        ),
    )
    asked: list[tuple[int, int, Outcome, bool]] = []
    to_cancel: list[tuple[int, Any]] = []
    now = 0
    for prompt, kind, steps, cancel_after in schedule:
        request, outcome = stepped.ask(MANY[prompt], Options(**KINDS[kind]), queue_key=prompt % 3)
        asked.append((prompt, kind, outcome, cancel_after is not None))
        if cancel_after is not None:
            to_cancel.append((now + cancel_after, request))
        for _ in range(steps):
            stepped.step()
            now += 1
            for due, cancelled in to_cancel:
                cancelled.cancelled |= due <= now
    for _ in range(8):
        stepped.step()
        now += 1
        for due, cancelled in to_cancel:
            cancelled.cancelled |= due <= now
    stepped.finish()
    for prompt, kind, outcome, cancelled in asked:
        if outcome.error is not None:
            assert "memory for" in str(outcome.error)
        elif outcome.reply is not None:
            assert outcome.token_ids == expected_of_80b(prompt, kind), (prompt, kind)
        else:
            assert cancelled
