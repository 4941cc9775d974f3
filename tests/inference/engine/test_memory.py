"""Waiting for memory; what is remembered makes room, and is forgotten when it is to be."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import Generated, Options, Prompt, PromptError
from inference.engine.pages import PAGE_SIZE, pages_for
from inference.engine.prefixes import Prefix
from inference.loading import adopt_model
from tests.inference.checkpoints import picture, small_config, small_model
from tests.inference.engine.stepping import Stepped, with_pages
from tests.inference.oracle import BLUE, GREEN, PROMPTS, RED, Oracle


@pytest.fixture(scope="module")
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


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


def test_of_pictures_that_only_known_tokens_see_nothing_is_needed(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(60, pictures=2))
    asked: Prompt = ["You compare pictures.", RED, "was first and", BLUE, "then. Which is the tree?"]
    for prompt in (asked, [GREEN, "or", picture("pink")]):  # The others take the slots.
        stepped.ask(prompt, Options(max_new_tokens=2))
        stepped.keep_finishing()
    memory = stepped.engine.machine.memory
    request, outcome = stepped.ask(asked, Options(max_new_tokens=6))
    stepped.step()
    red, blue = request.pictures.result()
    assert red.digest not in memory.pictures._slot_of
    assert blue.digest in memory.pictures._slot_of
    stepped.finish()
    assert outcome.token_ids == Oracle(model, small_tokenizer).answer(asked, max_new_tokens=6)


def test_who_waits_for_pages_keeps_none_of_a_known_prefix(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    """Else it would wait for what it has itself."""
    stepped = Stepped(model, small_tokenizer, with_pages(8))
    stepped.ask(PROMPTS[3], Options(max_new_tokens=4))
    stepped.keep_finishing()
    other = stepped.ask(["Something else"], Options(max_new_tokens=60))[1]
    stepped.step()
    waiting = stepped.ask(PROMPTS[3], Options(max_new_tokens=60))[1]
    stepped.step()
    assert len(stepped.engine.running) == 1
    stepped.finish()
    assert other.reply is not None
    assert waiting.token_ids == Oracle(model, small_tokenizer).answer(PROMPTS[3], max_new_tokens=60)


def test_who_waits_for_pages_has_nothing_forgotten_in_vain(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer, with_pages(8))
    known: Prompt = ["Describe this image. It is"]
    stepped.ask(known, Options(max_new_tokens=2))
    stepped.keep_finishing()
    memory = stepped.engine.machine.memory
    assert len(memory.prefixes) == 1
    running = stepped.ask(["Something else"], Options(max_new_tokens=70))[1]
    stepped.step()
    waiting = stepped.ask(["And a third thing"], Options(max_new_tokens=70))[1]
    for _ in range(5):
        stepped.step()
    assert len(stepped.engine.running) == 1
    assert known_tokens(stepped, known) > 0
    stepped.finish()
    assert running.reply is not None
    assert waiting.reply is not None


def known_tokens(stepped: Stepped, prompt: Prompt) -> int:
    """How many tokens of a prompt without pictures are remembered."""
    encoded = stepped._encoder.encode(prompt)
    wanted = Prefix.of(encoded.token_ids, encoded.picture_of_token, [])
    return stepped.engine.machine.memory.prefixes.longest(wanted)[0]


def test_a_known_prefix_is_given_up_where_it_takes_the_last_page(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    """The page that it ends in is copied before it is free: with all pages needed there is no target."""
    stepped = Stepped(model, small_tokenizer, with_pages(5))
    prompt = PROMPTS[3]
    stepped.ask(prompt, Options(max_new_tokens=2))
    stepped.keep_finishing()
    assert len(stepped.engine.machine.memory.prefixes) > 0
    room = 5 * PAGE_SIZE - len(stepped._encoder.encode(prompt).token_ids)
    outcome = stepped.ask(prompt, Options(max_new_tokens=room))[1]
    stepped.finish()
    assert outcome.reply is not None
    assert outcome.reply.cached_tokens == 0


@pytest.mark.parametrize("prompt", [["A long text without any picture, " * 3], PROMPTS[3]])
def test_of_a_prompt_that_beams_go_on_from_only_full_pages_are_remembered(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, prompt: Prompt
) -> None:
    """The one that it ends in is each beam's to fill, and another's when that is given up."""
    stepped = Stepped(model, small_tokenizer)
    request, _ = stepped.ask(prompt, Options(max_new_tokens=40, num_beams=4))
    stepped.step()
    length = len(request.prompt.token_ids)
    assert length % 16 > 0
    prefixes = stepped.engine.machine.memory.prefixes
    assert [len(each.token_ids) for each in prefixes] == [length - length % 16]
    stepped.keep_finishing()
    found = stepped.answer(prompt, Options(max_new_tokens=8))
    assert found.cached_tokens == length - length % 16
    assert found.token_ids == Oracle(model, small_tokenizer).answer(prompt, max_new_tokens=8)


def test_nothing_is_kept_of_what_was_asked_before_it_is_to_be_forgotten(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    """Of what was answered, what is being answered and what waits; all of it is answered as otherwise.

    Neither is it found again, nor is anything left of it in the memory that is free or kept for inputs.
    """
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
    of_a_picture = pages_for(stepped.engine.machine.latents)
    for layers, first in ((memory.own, 1), (memory.picture_layers, of_a_picture)):
        assert not any(tensor[first:].any() for layer in layers for tensor in (layer.keys, layer.values))
    machine = stepped.engine.machine
    assert not machine.encoder._pixels.any()
    assert not machine.rows.sampling.seen.any()
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
