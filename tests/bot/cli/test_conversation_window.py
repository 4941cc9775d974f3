from __future__ import annotations

import pytest
from PIL import Image

from bot.cli.conversation_window import ConversationWindow
from bot.cli.options import Sampling
from inference import tasks
from inference.errors import PromptError
from inference.prompt import END_OF_UTTERANCE, Generated
from inference.tasks import Turn
from tests.fake_engine import FakeEngine, pictures_in

ANSWER = Sampling(max_new_tokens=10)


def window_of(context_length: int) -> ConversationWindow:
    return ConversationWindow(FakeEngine(context_length=context_length), ANSWER, base=False)


def picture(colour: str) -> Image.Image:
    return Image.new("RGB", (2, 2), colour)


def colours(prompt) -> list[tuple[int, int, int]]:
    return [one.getpixel((0, 0)) for one in pictures_in(prompt)]


def test_the_request_holds_the_whole_conversation() -> None:
    window = window_of(2048)
    red = picture("red")
    window.remember([red, "What?"], Generated((5, 6)))
    window.remember(["And its colour?"], "cut off")
    request, dropped = window.request(["Sure?"])
    wanted = tasks.conversation(
        [
            Turn("User", (red, "What?")),
            Turn("Assistant", (Generated((5, 6)),)),
            Turn("User", ("And its colour?",)),
            Turn("Assistant", ("cut off",)),
            Turn("User", ("Sure?",)),
        ]
    )
    assert request.prompt == wanted.prompt
    assert request.options.stop == wanted.options.stop
    assert request.options.max_new_tokens == 10
    assert dropped == 0


def test_a_base_model_gets_no_turn_tokens() -> None:
    window = ConversationWindow(FakeEngine(), ANSWER, base=True)
    assert END_OF_UTTERANCE not in window.request(["Hello"])[0].prompt


def test_the_oldest_exchanges_go_when_the_answer_would_not_fit() -> None:
    window = window_of(10 + 36)
    for number in range(4):
        window.remember([str(number)], Generated((number,)))
    request, dropped = window.request(["last"])
    # Down to half of the room, so that the next prompts begin alike.
    assert dropped == 3
    assert [item for item in request.prompt if isinstance(item, Generated)] == [Generated((3,))]
    assert request.prompt[0] == "User: 3"
    window.remember(["last"], Generated((4,)))
    again, dropped = window.request(["more"])
    assert dropped == 0, "what was dropped stays dropped"
    assert again.prompt[: len(request.prompt) - 1] == request.prompt[:-1]


def test_the_newest_picture_stays() -> None:
    window = window_of(10 + 34)
    window.remember([picture("blue"), "0"], Generated((0,)))
    window.remember([picture("red"), "1"], Generated((1,)))
    for number in range(2, 5):
        window.remember([str(number)], Generated((number,)))
    for _ in range(2):
        request, _ = window.request(["last"])
        assert [item for item in request.prompt if isinstance(item, Generated)] == [
            Generated((1,)),
            Generated((4,)),
        ]
        assert colours(request.prompt) == [(255, 0, 0)]


def test_a_new_picture_frees_the_one_before() -> None:
    window = window_of(10 + 8)
    window.remember([picture("red"), "0"], Generated((0,)))
    request, dropped = window.request([picture("blue"), "last"])
    assert colours(request.prompt) == [(0, 0, 255)]
    window.remember([picture("blue"), "last"], Generated((1,)))
    assert dropped + window.request(["more"])[1] == 1


def test_a_message_that_cannot_fit_is_refused_and_costs_nothing() -> None:
    window = window_of(40)
    window.remember(["0"], Generated((0,)))
    with pytest.raises(PromptError, match="74 tokens more"):
        window.request(["word " * 100])
    request, dropped = window.request(["last"])
    assert dropped == 0
    assert Generated((0,)) in request.prompt


def test_an_answer_is_given_half_the_context_at_most() -> None:
    sampling = Sampling(max_new_tokens=1000)
    window = ConversationWindow(FakeEngine(context_length=40), sampling, base=False)
    window.remember(["0"], Generated((0,)))
    assert window.request(["last"])[1] == 0
    with pytest.raises(PromptError, match="1 tokens more"):
        window.request(["word " * 17])


def test_clear_forgets_everything() -> None:
    window = window_of(2048)
    window.remember([picture("red"), "What?"], Generated((5, 6)))
    window.clear()
    assert window.request(["Hello"])[0].prompt == ["User: Hello", END_OF_UTTERANCE, "\nAssistant:"]
