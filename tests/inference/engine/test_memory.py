"""Waiting for memory and turns; what is remembered makes room."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import EngineSettings, Generated, Options, Prompt, PromptError
from inference.engine import loop
from inference.engine.pages import OutOfPages, PagePool, pages_for
from inference.engine.pictures import PictureEncoder
from inference.engine.prefill import Chunk, PromptPasses
from inference.engine.prefixes import LEAST_TOKENS, Beginning, Prefixes
from inference.loading import adopt_model
from inference.prepared import PreparedPicture
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import Stepped
from tests.inference.oracle import PROMPTS, RED, Oracle

A_PAGE = 2 * 16 * 64 * 4 * 4
A_PICTURE = 2 * 2 * 16 * 64 * 4 * 2


@pytest.fixture(scope="module")
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


def with_pages(pages: int, pictures: int = 8, **changes: int) -> EngineSettings:
    return EngineSettings(context_bytes=pages * A_PAGE, picture_bytes=pictures * A_PICTURE, **changes)


def test_requests_wait_for_pages(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    oracle = Oracle(model, small_tokenizer)
    stepped = Stepped(model, small_tokenizer, with_pages(6))
    outcomes = [stepped.ask(prompt, Options(max_new_tokens=12))[1] for prompt in PROMPTS]
    stepped.step()
    assert 1 <= len(stepped.engine.running) < len(PROMPTS)
    stepped.finish()
    for prompt, outcome in zip(PROMPTS, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=12)


def test_what_can_never_fit_is_refused_at_once(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(4, pictures=2, most_rows=3))
    many: Prompt = [RED, picture("blue"), picture("green"), "Which?"]
    refused = [
        stepped.ask([Generated((300,) * 100)], Options())[1],
        stepped.ask(PROMPTS[0], Options(max_new_tokens=10, num_beams=4))[1],
        stepped.ask(many, Options(max_new_tokens=1))[1],
        stepped.ask(PROMPTS[4], Options(max_new_tokens=20, num_beams=3))[1],
    ]
    accepted = stepped.ask(PROMPTS[0], Options(max_new_tokens=4))[1]
    stepped.finish()
    for outcome, words in zip(refused, ["memory for", "3 beams", "room for 2", "memory for"], strict=True):
        assert isinstance(outcome.error, PromptError)
        assert words in str(outcome.error)
    assert len(accepted.token_ids) == 4


def test_pictures_wait_for_slots_and_are_encoded_once(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    oracle = Oracle(model, small_tokenizer)
    encoded: list[int] = []
    hook = model.model.vision_model.register_forward_pre_hook(
        lambda _, args, kwargs: encoded.append(len(kwargs["pixel_values"])), with_kwargs=True
    )
    stepped = Stepped(model, small_tokenizer, with_pages(40, pictures=2))
    prompts: list[Prompt] = [
        ["What?", picture(colour), "It is"] for colour in ("red", "blue", "green", "red")
    ]
    outcomes = [stepped.ask(prompt, Options(max_new_tokens=6))[1] for prompt in prompts]
    stepped.keep_finishing()
    assert sum(encoded) == 3 or sum(encoded) == 4  # the first may have made room before it came again
    before = sum(encoded)
    stepped.ask(["And what is", picture("red"), "this?"], Options(max_new_tokens=2))
    stepped.keep_finishing()
    assert sum(encoded) == before
    hook.remove()
    stepped.finish()
    for prompt, outcome in zip(prompts, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=6)


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

    def counted(pictures: Sequence[PreparedPicture], slots: Sequence[int]) -> None:
        encoded.append(len(pictures))
        PictureEncoder.encode(encoder, pictures, slots)

    encoder.encode = counted  # type: ignore[method-assign]
    colours = ("red", "blue", "green", "navy", "yellow", "black", "white", "pink", "gray", "brown")
    prompts: list[Prompt] = [[picture(colour), "is what?"] for colour in colours]
    outcomes = [stepped.ask(prompt, Options(max_new_tokens=8))[1] for prompt in prompts[:5]]
    stepped.step()
    assert encoded == [4]
    assert int((stepped.engine.machine.rows.lengths > 0).sum()) == 4
    outcomes += [stepped.ask(prompt, Options(max_new_tokens=8))[1] for prompt in prompts[5:]]
    stepped.step()
    stepped.step()
    assert encoded == [4, 3, 3]
    stepped.finish()
    oracle = Oracle(model, small_tokenizer)
    for prompt, outcome in zip(prompts, outcomes, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=8)


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


def test_prompts_gather_while_many_others_are_answered(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(100, most_rows=16))
    stepped.engine.machine.steps_between_passes = 3
    passes = stepped.engine.machine.passes
    read: list[tuple[int, int]] = []
    step = 0

    def counted(chunks: Sequence[Chunk], wanted: Sequence[int]) -> torch.Tensor:
        read.append((step, len(chunks)))
        return PromptPasses.read(passes, chunks, wanted)

    passes.read = counted  # type: ignore[method-assign]
    arrivals = {0: 9, 1: 1, 2: 1, 7: 3}
    outcomes = []
    for step in range(12):
        for _ in range(arrivals.get(step, 0)):
            outcomes.append(stepped.ask(PROMPTS[0], Options(max_new_tokens=40))[1])
        stepped.step()
    # Nine find nobody; two gather; three are many beside eleven.
    assert read == [(0, 9), (4, 2), (7, 3)]
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


def _generated(stepped: Stepped) -> int:
    return int(stepped.engine.machine.rows.lengths[0])


def test_nothing_is_kept_of_what_was_asked_before_it_is_to_be_forgotten(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    """Of what was answered, what is being answered and what waits; all of it is answered as otherwise."""
    oracle = Oracle(model, small_tokenizer)
    stepped = Stepped(model, small_tokenizer, with_pages(60, most_rows=1))
    done, running, waiting = (
        [picture(colour), f"What is {colour}?" + " and so on" * 8] for colour in ("red", "blue", "green")
    )
    stepped.answer(done, Options(max_new_tokens=4))
    asked = [stepped.ask(prompt, Options(max_new_tokens=12)) for prompt in (running, waiting)]
    stepped.step()
    assert [request for request, outcome in asked if not outcome.is_over] == [request for request, _ in asked]
    assert stepped.engine.running == [asked[0][0]]
    memory = stepped.engine.machine.memory
    assert len(memory.prefixes) == 1
    for request, _ in asked:
        request.is_forgotten = True  # as the worker does
    stepped.engine.forget()
    assert len(memory.prefixes) == 0
    stepped.keep_finishing()
    assert len(memory.prefixes) == 0
    assert memory.pictures._slot_of == {}
    assert memory.pool.free == memory.pool.size
    for prompt, (_, outcome) in zip((running, waiting), asked, strict=True):
        assert outcome.token_ids == oracle.answer(prompt, max_new_tokens=12)
    assert stepped.answer(done, Options(max_new_tokens=4)).cached_tokens == 0


def test_weights_are_shared_with_the_model_not_doubled(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    Stepped(adopt_model(model, small_tokenizer).model, small_tokenizer)
    attention = model.model.layers[0].self_attn
    stored = attention.q_proj.weight.untyped_storage()
    assert attention.v_proj.weight.untyped_storage().data_ptr() == stored.data_ptr()
    assert stored.nbytes() == 3 * attention.q_proj.weight.nbytes
    again = attention.q_proj.weight.data_ptr()
    Stepped(model, small_tokenizer)
    assert attention.q_proj.weight.data_ptr() == again


def beginning(token_ids: list[int], pictures: str) -> Beginning:
    """`pictures` has a letter for what each token sees, or a space."""
    names = sorted(set(pictures) - {" "})
    views = [names.index(name) if name != " " else -1 for name in pictures]
    return Beginning.of(token_ids, views, [name.encode() for name in names])


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (([1, 2, 3, 4], "    "), ([1, 2, 3, 4], "    "), 4),
        (([1, 2, 3, 4], "    "), ([1, 2, 5, 4], "    "), 2),
        (([1, 2, 3], "   "), ([1, 2, 3, 4], "    "), 3),
        (([1, 2, 3], "   "), ([9, 2, 3], "   "), 0),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " aaa"), 4),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " bbb"), 1),
        (([1, 8, 3, 8, 4], " aabb"), ([1, 8, 3, 8, 4], " aacc"), 3),
        (([1, 8, 3, 8, 4], " aabb"), ([1, 8, 3, 8, 4], " aaaa"), 3),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " aa "), 3),
        (([], ""), ([1], " "), 0),
    ],
)
def test_the_longest_common_beginning(
    one: tuple[list[int], str], other: tuple[list[int], str], common: int
) -> None:
    assert beginning(*one).common(beginning(*other)) == common
    assert beginning(*other).common(beginning(*one)) == common


@pytest.mark.parametrize(
    ("token_ids", "pictures", "found"),
    [
        ([1] * 8 + [2] * 10, " " * 8 + "a" * 10, 18),
        ([1] * 8 + [3] * 10, " " * 18, LEAST_TOKENS),
        ([1] * 8 + [2] * 10, " " * 8 + "b" * 10, LEAST_TOKENS),
        ([1] * 8, " " * 8, LEAST_TOKENS),
        ([1] * 7 + [3] * 10, " " * 17, 0),
        ([1] * 8 + [2] * 10, " " * 7 + "a" * 11, 0),
        ([1] * 7, " " * 7, 0),
    ],
)
def test_of_a_beginning_the_least_that_is_worth_it_is_found(
    token_ids: list[int], pictures: str, found: int
) -> None:
    pool = PagePool(10)
    prefixes = Prefixes(pool, 4)
    pages = pool.take(2)
    prefixes.remember(beginning([1] * 8 + [2] * 10, " " * 8 + "a" * 10), pages)
    prefixes.remember(beginning([1] * 8 + [4] * 10, " " * 8 + "a" * 10), pages)
    length, held = prefixes.longest(beginning(token_ids, pictures))
    assert (length, held) == (found, pages[: pages_for(found)])


def test_a_beginning_makes_way_for_one_that_goes_on_from_it() -> None:
    pool = PagePool(10)
    prefixes = Prefixes(pool, 4)
    pages = pool.take(3)
    for length, remembered in ((20, 20), (40, 40), (30, 40), (40, 40)):
        prefixes.remember(beginning([1] * length, " " * length), pages)
        assert [len(each.token_ids) for each in prefixes] == [remembered]
    prefixes.remember(beginning([1] * 39 + [2], " " * 40), pages)
    assert len(prefixes) == 2
    prefixes.forget_in(pages[2:])
    assert len(prefixes) == len(prefixes._with_start) == 0
    pool.release(pages)
    assert pool.free == pool.size


def test_beginnings_are_forgotten_oldest_first_and_give_their_pages_back() -> None:
    pool = PagePool(10)
    prefixes = Prefixes(pool, 2)
    for first in (1, 2):
        pages = pool.take(2)
        prefixes.remember(beginning([first] * 20, " " * 20), pages)
        pool.release(pages)
    assert prefixes.longest(beginning([1] * 30, " " * 30))[0] == 20
    pages = pool.take(1)
    prefixes.remember(beginning([3] * 7, " " * 7), pages)
    assert prefixes.longest(beginning([3] * 30, " " * 30))[0] == 0  # not worth a page
    prefixes.remember(beginning([3] * 8, " " * 8), pages)
    pool.release(pages)
    assert prefixes.longest(beginning([3] * 30, " " * 30))[0] == 8
    assert prefixes.longest(beginning([2] * 30, " " * 30))[0] == 0
    assert prefixes.longest(beginning([1] * 30, " " * 30))[0] == 20
    longer = pool.take(3)
    prefixes.remember(beginning([1] * 40, " " * 40), longer)
    pool.release(longer)
    assert len(prefixes) == 2
    while prefixes.forget():
        pass
    assert pool.free == pool.size == 9
    with pytest.raises(OutOfPages):
        pool.take(10)
