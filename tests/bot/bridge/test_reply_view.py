"""What Discord may answer while a reply is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.bridge.answer_messages import AnswerMessages
from bot.bridge.buttons import Controls
from bot.bridge.reply_view import final_contents
from bot.conversation import run
from bot.conversation.messages import Person, Place, PlaceKind
from bot.conversation.requests import Request, RequestState
from tests.bot.discord_world import World, picture, tell

HOUR_S = 3600


def nonces(world: World) -> set[str]:
    """Of the messages that were posted; Discord may remember those that are gone."""
    return {body["nonce"] for body in world.requests("POST", "/messages")}


def test_an_answer_older_than_an_hour_is_given_in_a_new_message(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        question = await world.ask("what?")
        old = world.answer()
        await world.env.advance_time(HOUR_S + 1)
        await world.alice.click(old, label="Regenerate")
        new = world.answer()
        assert new.id != old.id
        assert new.content == "Two."
        assert new.reference is not None
        assert new.reference.message_id == question.id
        assert len(nonces(world)) == 2
        await world.bob.send(world.channel, "go on", reply_to=new)
        assert "Two." in world.engine.shown(2)

    tell(tmp_path, story, "One.", "Two.")


def test_edits_keep_their_distance_and_the_last_one_is_made(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["One", " two", held, " three."]]
        await world.ask("what?")
        assert world.answer().content == "One"
        assert world.labels(world.answer()) == ["Stop"]
        await world.release(held)
        assert world.answer().content == "One"
        await world.env.advance_time(11)
        assert world.answer().content == "One two three."
        assert len(world.requests("PATCH", "")) == 1

    # Longer than a simulated Discord waits for a bot.
    tell(tmp_path, story, edit_interval_s=10.0)


def refused(world: World, method: str, path: str, code: int, status: int = 400, **options: Any) -> None:
    world.env.inject_error(method, path, status=status, code=code, message="refused", **options)


def test_too_many_edits_of_an_old_message_mean_a_new_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        old = world.answer()
        refused(world, "PATCH", "/channels/*/messages/*", 30046)
        await world.alice.click(old, label="Regenerate")
        assert world.answer().id != old.id
        assert world.answer().content == "Two."
        assert world.labels(world.answer()) == ["Regenerate", "Delete", "◀", "2/2", "▶"]

    tell(tmp_path, story, "One.", "Two.")


def test_an_archived_thread_is_opened_again_for_the_last_edit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        thread = world.thread()
        held = world.event()
        world.engine._answers = [["A red", held, " square."]]
        await world.alice.send(thread, "and now?")
        refused(world, "PATCH", "/channels/*/messages/*", 50083)
        await world.release(held)
        assert world.answer(thread).content == "A red square."
        assert world.requests("PATCH", f"/channels/{thread.id}")[0]["archived"] is False

    tell(tmp_path, story)


@pytest.mark.parametrize("pieces", [("A red", " square."), ("", "A red square.")])
def test_in_a_thread_that_was_closed_meanwhile_an_answer_is_over(
    tmp_path: Path, pieces: tuple[str, str]
) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        thread = world.thread()
        held = world.event()
        world.engine._answers = [[pieces[0], held, pieces[1]]]
        question = await world.alice.send(thread, "and now?")
        # Archived and locked by a moderator: only moderators can open it again.
        refused(world, "PATCH", "/channels/*/messages/*", 50083, times=None)
        refused(world, "POST", "/channels/*/messages", 50083, times=None)
        refused(world, "PATCH", f"/channels/{thread.id}", 50001, status=403, times=None)
        await world.release(held)
        assert world.service.in_flight == 0
        request = await world.store.request_of_question(question.id)
        assert request is not None
        assert request.state is RequestState.DONE

    tell(tmp_path, story)


def test_an_answer_that_was_deleted_while_the_bot_was_away_is_posted_anew(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.engine._answers = [["A red", world.event()], "A red square."]
        await world.ask("what?")
        begun = world.answer()
        await world.service.close(0)
        held, world.env.backend.subscribers[:] = list(world.env.backend.subscribers), []
        world.env.backend.delete_message(world.channel.id, begun.id)
        world.env.backend.subscribers[:] = held
        await world.restart()
        assert world.answer().content == "A red square."
        assert len(nonces(world)) == 2

    tell(tmp_path, story)


def test_a_part_that_was_taken_away_is_posted_anew(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        place = Place(world.channel.id, PlaceKind.CHANNEL, world.guild.id)
        messages = AnswerMessages(
            world.client.audience.channel(place),
            Request(1, place, Person(2, "Alice"), RequestState.RUNNING),
            world.store,
            ping_author=True,
            own_id=world.client.own_id,
            nonce_salt="-",
            now=discord.utils.utcnow,
            can_reply=False,
        )
        for contents in (["one", "two"], ["the model is away"], ["one", "two"]):
            await messages.show(contents, Controls(finished=False))
            assert [each.content for each in world.answers()] == contents
        assert len(nonces(world)) == 3

    tell(tmp_path, story)


def test_an_answer_whose_message_vanished_is_not_posted_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A red", held, " square."]]
        await world.ask("what?")
        subscribers = world.env.backend.subscribers
        kept, subscribers[:] = list(subscribers), []
        world.env.backend.delete_message(world.channel.id, world.answer().id)
        subscribers[:] = kept
        await world.release(held)
        assert world.answers() == []

    tell(tmp_path, story)


def test_where_replying_needs_the_history_it_answers_without(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        refused(world, "POST", "/channels/*/messages", 160002)
        await world.ask("what?")
        assert world.answer().content == "Answer 1."
        assert world.answer().reference is None

    tell(tmp_path, story)


def test_what_is_forbidden_is_not_tried_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        refused(world, "POST", "/channels/*/messages", 50013, status=403, times=None)
        await world.ask("what?")
        assert world.answers() == []
        assert len(world.requests("POST", f"/channels/{world.channel.id}/messages")) == 1

    tell(tmp_path, story, ["one", " two", " three"])


def test_an_answer_that_the_servers_rules_do_not_allow_is_said_to_be_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A", held, " word."]]
        await world.ask("what?")
        refused(world, "PATCH", "/channels/*/messages/*", 200000)
        await world.release(held)
        assert world.answer().content == "Discord does not let me show my answer here (refused)."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]
        assert world.service.in_flight == 0

    tell(tmp_path, story)


def test_where_not_even_a_refusal_may_be_said_an_answer_is_over(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A", held, " word."]]
        question = await world.ask("what?")
        refused(world, "PATCH", "/channels/*/messages/*", 200000, times=None)
        await world.release(held)
        request = await world.store.request_of_question(question.id)
        assert request is not None
        assert request.state is RequestState.DONE

    tell(tmp_path, story)


def test_the_end_of_an_answer_is_shown_when_discord_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER_S", (0.0, 0.0))

    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A", held, " house."]]
        await world.ask("what?")
        refused(world, "PATCH", "/channels/*/messages/*", 0, status=503, times=2)
        await world.release(held)
        assert world.answer().content == "A house."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]

    tell(tmp_path, story)


def test_a_thread_that_cannot_be_opened_is_nobodys(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        refused(world, "POST", "/channels/*/messages/*/threads", 50013, status=403)
        question = await world.ask("what?", picture())
        assert world.answer().content == "Answer 1."
        assert not await world.store.is_own_thread(question.id)

    tell(tmp_path, story)


def test_a_thread_of_somebody_else_stays_theirs(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [[held, "A red square."]]
        question = await world.ask("what?", picture())
        thread = world.env.backend.create_thread(
            world.channel.id, "theirs", owner_id=world.bob.id, message_id=question.id
        )
        refused(world, "POST", "/channels/*/messages/*/threads", 160004)
        await world.release(held)
        assert world.answer().content == "A red square."
        assert not await world.store.is_own_thread(thread.id)

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("text", "notes", "expected"),
    [
        ("An answer.", [], ["An answer."]),
        ("An answer.", ["One.", "Two."], ["An answer.\n-# One.\n-# Two."]),
        ("", ["Only this."], ["Only this."]),
        ("x" * 1999, ["A note."], ["x" * 1999, "-# A note."]),
        ("```\ncode", ["A note."], ["```\ncode\n```\n-# A note."]),
    ],
)
def test_notes_stand_below_the_text(text: str, notes: list[str], expected: list[str]) -> None:
    assert final_contents(text, notes) == expected
