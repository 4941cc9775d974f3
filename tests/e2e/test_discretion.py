"""The log of a bot to which everything happens holds neither what people say nor any token."""

from __future__ import annotations

import logging
from itertools import cycle
from pathlib import Path

import pytest

from bot.bridge import api
from bot.conversation import run
from inference.errors import EngineError
from tests.e2e.test_connection import Scene, red_picture, tell
from tests.standin import faults

SECRET = "a-very-secret-thing"


def test_nothing_of_it_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0, 0.0))

    async def story(scene: Scene) -> None:
        discord = scene.discord
        people = cycle([discord.add_person(f"{SECRET} name") for _ in range(3)])
        token.append(discord.token)

        async def ask(**content: object) -> None:
            question = await next(people).send(
                scene.channel,
                f"{discord.bot.mention} {SECRET}?",
                **content,  # type: ignore[arg-type]
            )
            await discord.wait_for_message(reply_to=question, where=lambda one: "Stop" not in one.buttons)

        named = scene.alice.file(f"{SECRET}.png", red_picture())
        await ask(files=[named])
        for fault in (
            faults.refused(404, 0, "Not Found"),
            faults.Cut(),
            faults.redirected(f"http://a.example/{SECRET}"),
        ):
            discord.fail("GET", "/attachments/", fault)
            await ask(files=[scene.alice.file(f"{SECRET}.png", red_picture())])
        await ask(files=[scene.alice.file(f"{SECRET}.png", b"no picture")])
        for method in ("POST", "PATCH"):
            for fault in (faults.SERVER_ERROR, faults.rate_limited(0.05), faults.AnswerLost(), faults.Hang()):
                discord.fail(method, "/messages", fault)
                await ask()
        discord.fail("POST", "/threads$", faults.refused(403, 50013, "Missing Permissions"))
        await ask(pictures=[red_picture()])
        for failure in (EngineError("It failed."), ZeroDivisionError()):
            scene.engine._answers.append(["Half of ", failure])
            await ask()
        await discord.gateway.drop_connections()
        await ask()

    token: list[str] = []
    with caplog.at_level(logging.INFO):
        tell(tmp_path, story)
    assert len(caplog.records) > 10
    assert SECRET not in caplog.text
    assert token[0] not in caplog.text
    assert "hm=" not in caplog.text, "the signature of a link"
    assert "Half of" not in caplog.text
