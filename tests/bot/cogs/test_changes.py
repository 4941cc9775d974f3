from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.conversation.messages import Place, PlaceKind
from bot.store.errors import StoreError
from tests.bot.discord_world import World, picture, tell

LONG = "word " * 500
"""Two messages."""


def test_an_edited_question_is_answered_anew_in_the_same_message(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("what?")
        before = world.answer()
        await world.alice.edit(question, f"{world.mention} what colour?")
        assert world.answer().id == before.id
        assert world.answer().content == "Blue."
        assert "what colour?" in world.engine.shown(1)
        assert "Red." not in world.engine.shown(1)

    tell(tmp_path, story, "Red.", "Blue.")


def test_the_bots_own_edits_are_no_edits_of_questions(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        assert len(world.engine.asked) == 1
        assert len(world.requests("PATCH", "")) >= 1

    tell(tmp_path, story, ["One", " two", " three"])


def test_with_the_question_its_answer_goes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A red", held]]
        question = await world.ask("what?")
        assert world.answer().content == "A red"
        await world.alice.delete(question)
        assert world.answers() == []
        assert world.engine.cancelled == 1

    tell(tmp_path, story)


def test_with_a_question_all_of_its_finished_answer_goes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("tell me")
        await world.ask("and this?")
        assert len(world.answers()) == 3
        await world.alice.delete(question)
        assert [each.content for each in world.answers()] == ["Short."]

    tell(tmp_path, story, LONG, "Short.")


def test_with_a_part_of_an_answer_the_others_go(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("tell me")
        first, _ = world.answers()
        world.env.backend.delete_message(world.channel.id, first.id)
        await world.env.settle()
        assert world.answers() == []

    tell(tmp_path, story, LONG)


def test_a_question_deleted_before_its_answer_gets_none(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [[held, "A red square."]]
        question = await world.ask("what?", picture())
        await world.alice.delete(question)
        await world.release(held)
        assert world.answers() == []
        assert world.channel.threads == []

    tell(tmp_path, story)


def test_an_answer_deleted_while_it_is_written_stays_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A red", held, " square."]]
        await world.ask("what?")
        moderator = world.guild.owner
        world.env.backend.delete_message(world.channel.id, world.answer().id)
        assert moderator is not None
        await world.env.settle()
        await world.release(held)
        assert world.answers() == []

    tell(tmp_path, story)


def test_what_is_deleted_in_bulk_is_forgotten(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        thread = world.thread()
        said = [await world.alice.send(thread, f"word{number}") for number in range(2)]
        payload = {
            "ids": [str(each.id) for each in said],
            "channel_id": str(thread.id),
            "guild_id": str(world.guild.id),
        }
        world.env.backend.emit("MESSAGE_DELETE_BULK", payload)
        await world.env.settle()
        await world.alice.send(thread, "and now?")
        assert "word0" not in world.engine.shown(3)
        assert "word1" not in world.engine.shown(3)

    tell(tmp_path, story)


def test_what_is_deleted_while_the_database_cannot_be_written_is_forgotten_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.cogs.changes.RETRY_AFTER_S", (0.0,))
    failures = ["the disk is full", "still full"]

    def failing(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def called(*arguments: int) -> None:
            if failures:
                raise StoreError(failures.pop(0))
            await method(*arguments)

        return called

    async def story(world: World) -> None:
        question = await world.ask("what?")
        monkeypatch.setattr(world.store, "forget_message", failing(world.store.forget_message))
        await world.alice.delete(question)
        await world.env.settle()
        assert await world.store.message(question.id) is None
        assert world.answers() == []
        await world.ask("and this?")
        failures.append("full again")
        monkeypatch.setattr(world.store, "forget_server", failing(world.store.forget_server))
        world.env.backend.emit("GUILD_DELETE", {"id": str(world.guild.id)})
        await world.env.settle()
        assert await world.store.servers() == []
        assert failures == []
        assert caplog.text.count("it is tried again") == 3

    tell(tmp_path, story)


def test_a_deleted_thread_and_a_server_left_are_forgotten(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = ["Red.", ["Half", held]]
        question = await world.ask("what?", picture())
        thread = world.thread()
        await world.alice.send(thread, "and now?")
        assert world.service.in_flight == 1
        payload = {
            "id": str(thread.id),
            "guild_id": str(world.guild.id),
            "parent_id": str(world.channel.id),
            "type": 11,
        }
        world.env.backend.emit("THREAD_DELETE", payload)
        await world.env.settle()
        place = Place(thread.id, PlaceKind.THREAD, world.guild.id, world.channel.id)
        assert (world.service.in_flight, world.engine.cancelled) == (0, 1)
        assert not await world.store.is_own_thread(thread.id)
        assert await world.store.history(place, 2**62, 10) == []
        assert await world.store.message(question.id) is not None
        world.env.backend.emit("GUILD_DELETE", {"id": str(world.guild.id)})
        await world.env.settle()
        assert await world.store.message(question.id) is None
        assert await world.store.seen_places() == []

    tell(tmp_path, story)
