"""The request that fails, and only that one; a device that fails once, or for good."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import pytest
import torch
from PIL import Image
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import EngineError, EngineSettings, Options, PictureError, Prompt
from inference.engine import reading
from inference.engine.machine import Machine
from inference.preprocessing import Preprocessor
from inference.worker import DeviceLostError, DriverLostError
from tests.inference.checkpoints import PICTURE_SIZE, picture, small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY, Outcome, Stepped
from tests.inference.oracle import PROMPTS, Oracle

POISONED: Prompt = ["This", picture("black"), "cannot be seen"]
OPTIONS = [
    Options(max_new_tokens=10),
    Options(max_new_tokens=10, num_beams=2),
    Options(max_new_tokens=10, temperature=1.0, seed=5),
]
AHEAD = replace(SMALL_MEMORY, runs_ahead=True)

ILLEGAL_ACCESS = "CUDA error: an illegal memory access was encountered"


@pytest.fixture
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


def when_poisoned(
    model: IdeficsForVisionText2Text, act: Callable[[torch.Tensor, torch.Tensor], None]
) -> None:
    """Has `act(output, rows)` called when the encoder has encoded the black picture, at those rows."""
    poison = torch.from_numpy(Preprocessor(size=PICTURE_SIZE)(picture("black")))

    def look(_: object, args: object, kwargs: dict[str, torch.Tensor], output: Any) -> None:
        rows = (kwargs["pixel_values"] == poison).flatten(1).all(dim=1)
        if rows.any():
            act(output.last_hidden_state, rows)

    model.model.vision_model.register_forward_hook(look, with_kwargs=True)


def choke(output: torch.Tensor, rows: torch.Tensor) -> None:
    raise RuntimeError("the encoder choked")


def spoil(output: torch.Tensor, rows: torch.Tensor) -> None:
    output[rows] = torch.nan


@pytest.mark.parametrize("settings", [SMALL_MEMORY, AHEAD], ids=["", "ahead"])
@pytest.mark.parametrize("options", OPTIONS, ids=["greedy", "beams", "drawn"])
@pytest.mark.parametrize(("act", "words"), [(choke, "log"), (spoil, "overflowed")])
def test_a_poisoned_picture_fails_its_request_and_no_other(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    caplog: pytest.LogCaptureFixture,
    settings: EngineSettings,
    options: Options,
    act: Callable[[torch.Tensor, torch.Tensor], None],
    words: str,
) -> None:
    oracle = Oracle(model, small_tokenizer)
    expected = [oracle.answer(prompt, max_new_tokens=10) for prompt in PROMPTS]
    when_poisoned(model, act)
    stepped = Stepped(model, small_tokenizer, settings)
    for _ in range(2):
        outcomes = [stepped.ask(prompt, Options(max_new_tokens=10))[1] for prompt in PROMPTS]
        poisoned = stepped.ask(POISONED, options)[1]
        ranked = stepped.rank(POISONED, ["a", "tree"])[1]
        stepped.keep_finishing()
        for failed in (poisoned, ranked):
            assert type(failed.error) is EngineError
            assert words in str(failed.error)
        assert [outcome.token_ids for outcome in outcomes] == expected
    stepped.finish()
    assert ("the encoder choked" in caplog.text) == (act is choke)


def test_who_begins_like_a_poisoned_request_does_not_fail_with_it(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    """They share the first tokens, and the page that these fill in part."""
    opening = "You answer questions about pictures. User:"
    healthy: Prompt = [opening, picture("red"), "What is this?"]
    expected = Oracle(model, small_tokenizer).answer(healthy, max_new_tokens=10)
    when_poisoned(model, spoil)
    stepped = Stepped(model, small_tokenizer)
    poisoned = stepped.ask([opening, picture("black"), "What is this?"], OPTIONS[0])[1]
    stepped.keep_finishing()
    assert isinstance(poisoned.error, EngineError)
    assert stepped.answer(healthy, OPTIONS[0]).token_ids == expected


def test_a_picture_that_cannot_be_converted(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    stepped = Stepped(model, small_tokenizer)
    broken = stepped.ask(["A", Image.new("RGB", (0, 0)), "picture"], OPTIONS[0])[1]
    other = stepped.ask(PROMPTS[1], OPTIONS[0])[1]
    stepped.finish()
    assert isinstance(broken.error, PictureError)
    assert len(other.token_ids) == 10


def test_pictures_of_a_request_that_failed_with_another_are_not_encoded(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor are they missed: what is encoded next is what is waited for then."""
    monkeypatch.setattr(reading, "PICTURES_AT_ONCE", 2)
    when_poisoned(model, choke)
    stepped = Stepped(model, small_tokenizer)
    failed = stepped.ask([picture("black"), picture("red"), picture("pink"), "Which?"], OPTIONS[0])[1]
    other = stepped.ask([picture("navy"), "What?"], OPTIONS[0])[1]
    stepped.finish()
    assert isinstance(failed.error, EngineError)
    assert other.reply is not None
    assert "KeyError" not in caplog.text


class Failing:
    """Has the machine's steps with certain numbers fail, over all machines made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
        self.made = 0
        self.at_a_time = 0
        """Machines that there were when another was made: each has most of the device's memory."""
        self._steps = 0
        step, make = Machine.step, Machine.__init__

        def counted(machine: Machine, rows: int, greedy: bool) -> None:
            self._steps += 1
            if self._steps in numbers:
                raise RuntimeError(ILLEGAL_ACCESS)
            step(machine, rows, greedy)

        machines: WeakSet[Machine] = WeakSet()

        def noted(machine: Machine, *arguments: Any) -> None:
            self.made += 1
            machines.add(machine)
            self.at_a_time = max(self.at_a_time, len(machines))
            make(machine, *arguments)

        monkeypatch.setattr(Machine, "step", counted)
        monkeypatch.setattr(Machine, "__init__", noted)


@pytest.mark.parametrize("settings", [SMALL_MEMORY, AHEAD], ids=["", "ahead"])
def test_after_a_failure_of_the_device_all_go_on_where_they_were(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: EngineSettings,
) -> None:
    def all_asked(stepped: Stepped) -> list[Outcome]:
        outcomes = [stepped.ask(prompt, options)[1] for prompt in PROMPTS[1:4] for options in OPTIONS]
        stepped.finish()
        return outcomes

    expected = [outcome.token_ids for outcome in all_asked(Stepped(model, small_tokenizer, settings))]
    failing = Failing(monkeypatch, 3, 9)
    with caplog.at_level(logging.WARNING):
        outcomes = all_asked(Stepped(model, small_tokenizer, settings))
    assert [outcome.token_ids for outcome in outcomes] == expected
    assert failing.made == 3
    assert failing.at_a_time == 1
    assert "illegal memory access" in caplog.text
    assert "The device works again" in caplog.text


def test_a_device_that_fails_again_at_once_fails_what_ran(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stepped = Stepped(model, small_tokenizer)
    Failing(monkeypatch, 2, 3)
    outcomes = [stepped.ask(PROMPTS[1], options)[1] for options in OPTIONS]
    stepped.finish()
    assert all(type(outcome.error) is EngineError for outcome in outcomes)
    assert len(stepped.answer(PROMPTS[1], OPTIONS[0]).token_ids) == 10


def test_after_a_failure_of_the_device_what_was_asked_can_be_forgotten(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between steps, as the worker does it: the memory that was made anew in a step can be written to."""
    stepped = Stepped(model, small_tokenizer)
    Failing(monkeypatch, 2)
    stepped.ask(PROMPTS[1], OPTIONS[0])
    stepped.keep_finishing()
    assert len(stepped.engine.machine.memory.prefixes) > 0
    stepped.engine.forget()
    assert len(stepped.engine.machine.memory.prefixes) == 0
    assert not any(layer.keys[1:].any() for layer in stepped.engine.machine.memory.own)


class Once:
    """Fails when it is called for the first time."""

    def __init__(self) -> None:
        self._called = False

    def __call__(self, *_: object) -> None:
        if not self._called:
            self._called = True
            raise RuntimeError(ILLEGAL_ACCESS)


def test_a_device_that_fails_once_in_a_while_fails_no_labels(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nothing else is asked: comparing them shows that the device works as well as a step does."""
    stepped = Stepped(model, small_tokenizer)
    for _ in range(2):
        ranked = stepped.rank(PROMPTS[1], ["a house", "a tree"])[1]
        monkeypatch.setattr(stepped.engine.machine.prefill, "read", Once())
        monkeypatch.setattr(stepped.engine.machine, "synchronize", Once())
        stepped.finish()
        assert ranked.ranked is not None, ranked.error


@pytest.mark.parametrize(
    ("failure", "lost"),
    [
        (RuntimeError(ILLEGAL_ACCESS), DeviceLostError),
        # Others may take the memory for a while only.
        (torch.OutOfMemoryError("CUDA out of memory."), DriverLostError),
    ],
)
def test_a_device_that_does_not_come_back_is_lost(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    lost: type[DriverLostError],
) -> None:
    stepped = Stepped(model, small_tokenizer)
    Failing(monkeypatch, 2)

    def refuse(_: object, *arguments: object) -> None:
        raise failure

    monkeypatch.setattr(Machine, "__init__", refuse)
    request, _ = stepped.ask(PROMPTS[1], OPTIONS[0])
    stepped.step()
    with pytest.raises(DriverLostError) as caught:
        stepped.step()
    assert type(caught.value) is lost
    assert stepped.engine.running == [request]  # which the worker fails


def test_what_runs_when_the_device_is_lost_is_not_told_that_it_failed_by_itself(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even if the device had failed just before: whoever asked may ask a new process."""
    stepped = Stepped(model, small_tokenizer)
    Failing(monkeypatch, 2, 3)
    request, outcome = stepped.ask(PROMPTS[1], OPTIONS[0])
    stepped.step()
    stepped.step()

    def fail(_: object) -> None:
        raise RuntimeError(ILLEGAL_ACCESS)

    monkeypatch.setattr(Machine, "synchronize", fail)
    with pytest.raises(DeviceLostError):
        stepped.step()
    assert outcome.error is None
    assert stepped.engine.running == [request]  # which the worker fails


@pytest.mark.parametrize("broken", ["encode", "read", "read for two", "copy", "leave"])
def test_a_device_that_breaks_outside_a_step_is_no_fault_of_a_request(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    """Whatever is asked of it from then on fails, waiting for it too."""
    stepped = Stepped(model, small_tokenizer)
    stepped.ask(PROMPTS[4], OPTIONS[0])
    stepped.keep_finishing()
    if broken == "leave":
        left, _ = stepped.ask(PROMPTS[1], OPTIONS[0])
        stepped.step()
        left.cancelled = True
    else:
        for _ in range(2 if broken == "read for two" else 1):
            stepped.ask(PROMPTS[4 if broken == "copy" else 1], OPTIONS[0])
    machine = stepped.engine.machine
    failures = 0

    def fail(*_: object) -> None:
        nonlocal failures
        failures += 1
        raise RuntimeError(ILLEGAL_ACCESS)

    parts = {
        "encode": (machine.encoder, "encode"),
        "read": (machine.prefill, "read"),
        "read for two": (machine.prefill, "read"),
        "copy": (machine.memory, "copy_pages"),
        "leave": (machine.rows, "clear"),
    }
    monkeypatch.setattr(*parts[broken], fail)
    monkeypatch.setattr(machine, "synchronize", fail)
    with pytest.raises(DeviceLostError):
        stepped.step()
    assert failures <= 3, "the work, waiting for the device, and that once more before it would be made anew"


def test_beams_whose_stop_text_only_their_last_tokens_have_are_answered(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After half a character a line break is no line break, but the tokens by themselves have one."""
    names = small_tokenizer.get_vocab()
    favourites = iter([names["<0xE2>"], *[names["<0x0A>"]] * 9])
    stepped = Stepped(model, small_tokenizer)
    decoder = stepped.engine.machine.decoder

    def logits(hidden: torch.Tensor) -> torch.Tensor:
        chosen = torch.zeros(len(hidden), decoder.vocabulary)
        chosen[:, next(favourites)] = 50.0
        return chosen

    monkeypatch.setattr(decoder, "logits", logits)
    options = Options(max_new_tokens=9, num_beams=2, stop=("\n",))
    assert stepped.answer(["Describe this image."], options).completion_tokens == 3


def test_memory_that_runs_out_in_reading_fails_the_request_with_advice(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stepped = Stepped(model, small_tokenizer)
    forward = stepped.engine.machine.decoder.forward

    def short_of_memory(token_ids: torch.Tensor, *arguments: Any) -> torch.Tensor:
        if len(token_ids) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(token_ids, *arguments)

    monkeypatch.setattr(stepped.engine.machine.decoder, "forward", short_of_memory)
    long = stepped.ask(["word " * 12], OPTIONS[0])[1]
    short = [stepped.ask(PROMPTS[2], options)[1] for options in OPTIONS]
    stepped.finish()
    assert isinstance(long.error, EngineError)
    assert "not enough memory" in str(long.error)
    assert all(outcome.reply is not None for outcome in short)
