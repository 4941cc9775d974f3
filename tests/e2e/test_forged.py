"""Buttons that a program makes up: what a person may not do is not done for it either.

discord.py takes no press of a button that its message does not have, so here the messages have them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_connection import Scene, tell
from tests.standin.interactions import COMPONENT, Interaction
from tests.standin.people import Person
from tests.standin.things import Message

ONLY = "Only the person who asked and moderators can do that."


def with_button(message: Message, custom_id: str) -> dict[str, Any]:
    """Puts it under the message; returns what a press of it says."""
    button = {"type": 2, "style": 2, "label": "Forged", "custom_id": custom_id, "disabled": False}
    message.components = [{"type": 1, "components": [button]}]
    return {"component_type": 2, "custom_id": custom_id, "id": 1}


async def press(person: Person, message: Message, custom_id: str) -> Interaction:
    data = with_button(message, custom_id)
    return await person._interact(COMPONENT, message.channel, data, message)


async def finished(scene: Scene, text: str) -> tuple[Message, Message]:
    question = await scene.ask(text)
    answer = await scene.discord.wait_for_message(
        reply_to=question, where=lambda one: "Regenerate" in one.buttons
    )
    return question, answer


@pytest.mark.parametrize("action", ["regenerate", "delete", "show-1"])
def test_a_button_for_anothers_answer_with_ones_own_id(tmp_path: Path, action: str) -> None:
    async def story(scene: Scene) -> None:
        mallory = scene.discord.add_person("Mallory")
        question, answer = await finished(scene, "one?")
        asked = len(scene.engine.asked)
        for request, asker in ((question.id, mallory.id), (question.id + 1, mallory.id)):
            pressed = await press(mallory, answer, f"answer:{action}:{request}:{asker}")
            await scene.discord.wait_for(lambda pressed=pressed: ONLY in pressed.text)  # type: ignore[misc]
        assert len(scene.engine.asked) == asked
        assert answer.content == "Answer 1."
        assert answer.id in scene.channel.messages

    tell(tmp_path, story)


def test_a_button_under_another_message(tmp_path: Path) -> None:
    """Mallory's own button, pressed as if it were under Alice's answer: deleting takes the message."""

    async def story(scene: Scene) -> None:
        mallory = scene.discord.add_person("Mallory")
        _, answer = await finished(scene, "one?")
        own = await mallory.send(scene.channel, f"{scene.discord.bot.mention} mine?")
        await scene.discord.wait_for_message(reply_to=own, where=lambda one: "Delete" in one.buttons)
        pressed = await press(mallory, answer, f"answer:delete:{own.id}:{mallory.id}")
        await scene.discord.wait_for(lambda: ONLY in pressed.text)
        assert answer.id in scene.channel.messages

    tell(tmp_path, story)


@pytest.mark.parametrize(
    "custom_id",
    [
        "answer:explode:1:1",
        "answer:show-999999999:1:1",
        "answer:stop:99999999999999999999999999:1",
        "panel:value:server:no_such_setting",
        "panel:value:nowhere:mode",
        "decide:everything",
        "\x00",
        "x" * 100,
    ],
)
def test_what_is_made_up_does_nothing(tmp_path: Path, custom_id: str) -> None:
    async def story(scene: Scene) -> None:
        mallory = scene.discord.add_person("Mallory")
        _, answer = await finished(scene, "one?")
        data = with_button(answer, custom_id)
        scene.discord.interactions.begin(COMPONENT, mallory, scene.channel, data, answer)
        # It goes on as if nothing had been.
        await finished(scene, "two?")
        assert answer.content == "Answer 1."

    tell(tmp_path, story)


def test_a_decision_is_about_who_presses(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        mallory = scene.discord.add_person("Mallory")
        question, answer = await finished(scene, "one?")
        await press(mallory, answer, "decide:forget")
        await scene.discord.wait_for(lambda: answer.content == "Forgotten: nothing.")
        again = await scene.alice.command(scene.channel, "forget me")
        await scene.discord.wait_for(lambda: "1 message and 1 answer" in again.text)
        assert question.id in scene.channel.messages

    tell(tmp_path, story)
