"""What a network and Discord's servers do to an answer: in the end it is there, once and whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.bridge import api
from bot.conversation import run
from tests.e2e.test_connection import CREATE, Scene, red_picture, tell
from tests.standin import faults

GATEWAY_ERROR = faults.Answer(502, "<html>502 Bad Gateway</html>", {"Content-Type": "text/html"})
WITHOUT_ANY_TIME = faults.Answer(429, {"message": "You are being rate limited."}, {"Via": "1.1 standin"})
WITHOUT_RETRY_AFTER = faults.Answer(429, {"message": "You are being rate limited."}, {"Via": ""})


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(api, "UNTOLD_WAIT_S", 0.0)
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.SERVER_ERROR, id="500"),
        pytest.param(GATEWAY_ERROR, id="502"),
        pytest.param(WITHOUT_RETRY_AFTER, id="429 without Retry-After"),
        pytest.param(WITHOUT_ANY_TIME, id="429 without any time"),
        pytest.param(faults.rate_limited(0.05), id="429"),
        pytest.param(faults.rate_limited(0.05, everywhere=True), id="429 everywhere"),
        pytest.param(faults.Hang(), id="time-out before"),
        pytest.param(faults.AnswerHeld(), id="time-out after"),
        pytest.param(faults.Cut(), id="cut before"),
        pytest.param(faults.AnswerLost(), id="cut after"),
    ],
)
def test_an_answer_is_there_once_and_whole(tmp_path: Path, method: str, fault: faults.Fault) -> None:
    held = asyncio.Event()

    async def story(scene: Scene) -> None:
        scene.discord.fail(method, "/messages", fault)
        question = await scene.ask("one?")
        if method == "PATCH":
            await scene.discord.wait_for_message(reply_to=question)
        else:
            await scene.discord.wait_for(lambda: scene.discord.calls(*CREATE), "it posts")
        held.set()
        assert await scene.answer(question) == "It is done."
        assert len(scene.discord.by_bot()) == 1
        # Nothing is left over: the next one is answered as ever.
        assert await scene.answer(await scene.ask("two?")) == "Answer 2."
        assert len(scene.discord.by_bot()) == 2

    tell(tmp_path, story, ["It is", held, " done."])


def test_a_refusal_that_says_no_time_is_not_the_end_of_what_is_tried_once(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.discord.fail("POST", "/threads$", WITHOUT_ANY_TIME)
        question = await scene.ask("what?", pictures=[red_picture()])
        await scene.discord.wait_for(lambda: question.thread, "a thread is opened")

    tell(tmp_path, story)
