from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.cogs import catch_up, deletions
from bot.cogs.deletions import Deletions
from bot.conversation.keeping import Owners
from bot.conversation.limits import Limits
from bot.conversation.messages import Message, Scope, StoredPhoto
from bot.conversation.photos import normalise
from bot.conversation.service import ReplyService
from bot.store.backup import back_up
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.discord_world import CdnFetcher, World, picture, tell


@contextmanager
def offline(world: World) -> Iterator[None]:
    """What happens meanwhile does not reach the bot, not even later."""
    subscribers = world.env.backend.subscribers
    held, subscribers[:] = list(subscribers), []
    yield
    subscribers[:] = held


def test_mentions_missed_in_channel_thread_and_direct_message_are_answered(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?", picture())
        await world.alice.send_dm("hello")
        thread, dm = world.thread(), world.alice.user.dm_channel
        with offline(world):
            await world.ask("in the channel")
            await world.bob.send(world.channel, "not for it")
            await world.bob.send(thread, "in the thread")
            await world.alice.send_dm("in private")
        assert len(world.engine.asked) == 2
        await world.restart()
        await world.env.settle()
        asked = [world.engine.shown(number) for number in (2, 3, 4)]
        for words in ("in the channel", "in the thread", "in private"):
            assert any(words in prompt for prompt in asked)
        assert len(world.answers()) == 2
        assert len(world.answers(thread)) == 1
        assert len(world.answers(dm)) == 2

    tell(tmp_path, story)


def test_nothing_is_answered_twice_after_a_start(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        await world.restart()
        await world.restart()
        assert len(world.engine.asked) == 1
        assert len(world.answers()) == 1

    tell(tmp_path, story)


def test_what_was_answered_after_the_copy_was_made_that_is_gone_back_to(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("before")
        file, copy = tmp_path / "test.sqlite3", tmp_path / "copy.sqlite3"
        back_up(f"sqlite+aiosqlite:///{file}", copy)
        answered = await world.ask("after")
        world.engine._answers = [["Half", world.event()], "Whole.", "Whole."]
        half = await world.ask("half")
        with offline(world):
            missed = await world.ask("missed")
        await world.service.close(0)
        async with SqlStore.open(f"sqlite+aiosqlite:///{copy}") as world.store:
            world._made = lambda: ReplyService(world.store, CdnFetcher(), world.engine, Limits())  # type: ignore[attr-defined]
            await world.restart()
            await world.env.settle()
            replies = [one for one in world.answers() if world.labels(one) == ["Regenerate", "Delete"]]
            replied_to = [one.reference.message_id for one in replies if one.reference is not None]
            assert [replied_to.count(one.id) for one in (answered, half, missed)] == [1, 1, 1]
            await world.service.close(0)

    tell(tmp_path, story)


def test_what_was_owed_is_answered_where_it_was_begun(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        held = world.event()
        world.engine._answers = [["A red", held], "A red square."]
        await world.ask("what?", picture())
        begun = world.answer()
        assert world.labels(begun) == ["Stop"]
        await world.service.close(0)
        await world.restart()
        assert world.answer().id == begun.id
        assert world.answer().content == "A red square."
        assert world.labels(world.answer()) == ["Regenerate", "Delete"]

    tell(tmp_path, story)


def test_a_channel_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        with offline(world):
            world.env.backend.delete_channel(world.channel.id)
        await world.restart()
        assert await world.store.seen_places() == []

    tell(tmp_path, story)


def test_a_message_that_cannot_be_taken_in_does_not_keep_the_others_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        await world.alice.send_dm("hello")
        with offline(world):
            await world.ask("the first")
            await world.ask("the second")
            await world.alice.send_dm("in private")
        receive = world.service.receive

        async def broken(message: Message, *args: Any, **options: Any) -> Any:
            if "first" in message.text:
                raise RuntimeError("no way in")
            return await receive(message, *args, **options)

        world._made = lambda: world.service  # type: ignore[attr-defined]
        world.service.receive = broken  # type: ignore[method-assign]
        await world.restart()
        await world.env.settle()
        asked = {world.engine.shown(number).rpartition("User:")[2] for number in (2, 3)}
        assert all(any(words in each for each in asked) for words in ("the second", "in private"))
        assert "RuntimeError: no way in" in caplog.text

    tell(tmp_path, story)


def test_messages_of_others_are_looked_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        await world.bob.send(world.channel, "not for it")
        last = await world.bob.send(world.channel, "not for it either")
        await world.restart()
        assert [seen for _, seen in await world.store.seen_places()] == [last.id]

    tell(tmp_path, story)


def test_what_was_deleted_meanwhile_is_forgotten(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        kept = await world.ask("what is kept?")
        deleted = await world.ask("what is deleted?")
        await world.ask("whose answer is deleted?")
        await world.alice.send_dm("hello")
        answer = world.answers()[2]
        with offline(world):
            world.env.backend.delete_message(world.channel.id, deleted.id)
            world.env.backend.delete_message(world.channel.id, answer.id)
            await world.ask("and now?")
        await world.restart()
        await world.env.settle()
        assert await world.store.message(kept.id) is not None
        assert await world.store.message(deleted.id) is None
        assert deleted.id not in {one.reference.message_id for one in world.answers() if one.reference}
        assert await world.store.message(answer.id) is None
        assert "what is deleted?" not in world.engine.shown(-1)
        before = len(world.env.http_requests)
        await world.restart()
        assert await world.store.message(kept.id) is not None
        assert len(world.env.http_requests) > before

    tell(tmp_path, story)


def test_however_long_ago_it_was_said_it_is_noticed_that_it_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("bot.bridge.absence", "bot.cogs.deletions"):
        monkeypatch.setattr(f"{module}.PAGE", 3)
    monkeypatch.setattr("bot.cogs.deletions.PAUSE_S", 0)

    async def story(world: World) -> None:
        shown = await world.bob.send(world.channel, "my cat", attachments=[("cat.png", picture())])
        owners = Owners(world.bob.id, world.alice.id, shown.id)
        photo = normalise(picture(), "cat.png")
        assert isinstance(photo, StoredPhoto)
        await world.store.add_example(Scope(world.channel.id), photo, "A cat.", owners)
        asked = [await world.ask(f"question {number}") for number in range(8)]
        for number in range(8):  # of these nothing is kept
            await world.bob.send(world.channel, f"chatter {number}")
        other = world.guild.create_text_channel("other")
        elsewhere = await world.alice.send(other, f"{world.mention} and here?")
        for number in range(8):
            chatter = await world.bob.send(other, f"chatter {number}")
        await world.store.mark_seen(other.id, chatter.id)
        private = await world.alice.send_dm("in private")
        answers = world.answers()
        with offline(world):
            for gone in (asked[0], asked[4], answers[6], shown):
                world.env.backend.delete_message(world.channel.id, gone.id)
            world.env.backend.delete_message(private.channel.id, private.id)
            world.env.backend.delete_message(other.id, elsewhere.id)
            await world.bob.send(other, "more chatter")
        await world.restart()
        left = [one.id for one in asked if await world.store.message(one.id) is not None]
        assert left == [one.id for number, one in enumerate(asked) if number not in (0, 4)]
        assert await world.store.message(answers[6].id) is None
        assert await world.store.message(private.id) is None
        assert await world.store.message(elsewhere.id) is None
        assert await world.store.examples([Scope(world.channel.id)]) == []

    tell(tmp_path, story)


def test_a_thread_that_was_deleted_meanwhile_is_forgotten_however_old_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cogs.catch_up.THREADS_STAY_OPEN", timedelta(seconds=-1))
    monkeypatch.setattr("bot.cogs.deletions.PAUSE_S", 0)

    async def story(world: World) -> None:
        await world.ask("what?", picture())
        thread = world.thread()
        said = await world.alice.send(thread, "and now?")
        with offline(world):
            world.env.backend.delete_channel(thread.id)
        await world.restart()
        assert await world.store.message(said.id) is None

    tell(tmp_path, story)


async def nothing(_channel: object, **_: object) -> AsyncIterator[discord.Message]:
    """As Discord shows a history that may not be read."""
    for message in ():
        yield message


def test_where_the_history_may_not_be_read_nothing_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        me = world.client.user
        assert me is not None
        channel = world.guild.create_text_channel(
            "forgetful", overwrites={me: discord.PermissionOverwrite(read_message_history=False)}
        )
        kept = await world.alice.send(channel, f"{world.mention} what?")
        await world.restart()
        await world.store.mark_seen(channel.id, kept.id + 100)
        monkeypatch.setattr(discord.abc.Messageable, "history", nothing)
        await world.restart()
        assert await world.store.message(kept.id) is not None
        assert world.requests("GET", f"/messages/{kept.id}") == []

    tell(tmp_path, story)


def test_what_a_history_does_not_show_but_is_there_was_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        kept = await world.ask("what?")
        await world.store.mark_seen(world.channel.id, kept.id + 100)
        monkeypatch.setattr(discord.abc.Messageable, "history", nothing)
        await world.restart()
        assert await world.store.message(kept.id) is not None
        assert world.requests("GET", f"/messages/{kept.id}") != []

    tell(tmp_path, story)


def unreadable(monkeypatch: pytest.MonkeyPatch, times: int) -> list[Exception]:
    """Discord cannot show channels' histories the next few times; the failures that are still to come."""
    broken = discord.DiscordServerError(SimpleNamespace(status=503, reason="no"), "no")  # type: ignore[arg-type]
    failures: list[Exception] = [broken] * times
    history = discord.TextChannel.history

    def failing(channel: discord.TextChannel, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return history(channel, **options)

    monkeypatch.setattr(discord.TextChannel, "history", failing)
    return failures


def test_what_cannot_be_read_at_first_is_read_later_also_if_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "RETRY_AFTER_S", 0.0)

    async def story(world: World) -> None:
        await world.ask("what?")
        deleted = await world.ask("gone?")
        with offline(world):
            await world.ask("missed?")
            world.env.backend.delete_message(world.channel.id, deleted.id)
        resume, down = world.service.resume, [StoreError("the disk does not do what it should")]

        async def failing(*args: Any) -> int:
            if down:
                raise down.pop()
            return await resume(*args)

        world._made = lambda: world.service  # type: ignore[attr-defined]
        world.service.resume = failing  # type: ignore[method-assign]
        # By both who look: for what was said and for what was deleted.
        failures = unreadable(monkeypatch, 4)
        await world.restart()
        await world.env.settle()
        assert (failures, down) == ([], [])
        assert "missed?" in world.engine.shown(2).rpartition("User:")[2]
        assert await world.store.message(deleted.id) is None

    tell(tmp_path, story)


def test_where_deletions_cannot_be_looked_for_they_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> Any:
        raise TimeoutError

    async def story(world: World) -> None:
        deleted = await world.ask("gone?")
        with offline(world):
            world.env.backend.delete_message(world.channel.id, deleted.id)
        places = [place for place, _ in await world.store.seen_places()]
        looking = Deletions(world.client)
        looking.expect(next(place for place in places if place.id == world.channel.id))
        with monkeypatch.context() as broken:
            broken.setattr(deletions, "read_page", failing)
            await looking.notice_everywhere()
        assert looking.left
        await looking.notice_everywhere()
        assert not looking.left
        assert await world.store.message(deleted.id) is None

    tell(tmp_path, story)


def test_what_cannot_be_read_at_first_is_read_with_the_next_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        await world.ask("what?")
        with offline(world):
            await world.ask("missed?")
        unreadable(monkeypatch, 1)
        await world.restart()
        assert len(world.engine.asked) == 1
        await world.ask("and now?")
        asked = [world.engine.shown(number).rpartition("User:")[2] for number in (1, 2)]
        assert "missed?" in asked[0]
        assert "and now?" in asked[1]

    tell(tmp_path, story)
