"""What is done with answers that are there."""

from __future__ import annotations

from pathlib import Path

from tests.bot.discord_world import World, picture, tell
from tests.fake_engine import Cut


def test_versions_are_browsed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        await world.alice.click(world.answer(), label="Regenerate")
        await world.alice.click(world.answer(), label="Regenerate")
        assert world.answer().content == "Three."
        assert world.labels(world.answer())[-2:] == ["3/3", "▶"]
        await world.alice.click(world.answer(), label="◀")
        assert world.answer().content == "Two."
        await world.restart()
        await world.alice.click(world.answer(), label="◀")
        assert world.answer().content == "One."
        assert world.labels(world.answer())[-3:] == ["◀", "1/3", "▶"]
        await world.alice.click(world.answer(), label="▶")
        assert world.answer().content == "Two."

    tell(tmp_path, story, "One.", "Two.", "Three.")


def test_a_long_answer_goes_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        assert world.labels(world.answer()) == ["Continue", "Regenerate", "Delete"]
        await world.alice.click(world.answer(), label="Continue")
        assert world.answer().content == "A red square."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]

    tell(tmp_path, story, Cut("A red"), [" square."])


def test_the_buttons_of_an_answer_whose_question_is_no_longer_kept(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("what?", picture())
        await world.store.forget_message(question.id)
        for label in ("Regenerate", "Continue"):
            pressed = await world.alice.click(world.answer(), label=label)
            [said] = pressed.followups
            assert said.ephemeral
            assert said.content == "I no longer have the question: ask it once more."
        assert world.answer().content == "A red"
        await world.alice.click(world.answer(), label="Delete")
        assert world.answers() == []

    tell(tmp_path, story, Cut("A red"))
