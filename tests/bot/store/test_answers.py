"""Examples, reactions, figures."""

from __future__ import annotations

from pathlib import Path

from bot.conversation.keeping import Owners
from bot.conversation.messages import DISCORD_EPOCH_MS, Place, PlaceKind, Scope, first_id_at
from bot.conversation.requests import Outcome, RequestState
from tests.bot.conversation.chats import START, on_loop
from tests.bot.store.stores import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    SERVER,
    answered,
    asked,
    open_store,
    picture,
    said,
)

THREAD = Place(500, PlaceKind.THREAD, SERVER, CHANNEL.id)
HERE, OF_SERVER = Scope(CHANNEL.id), Scope(SERVER, is_server=True)
OWNERS = Owners(ANNA.id, BEN.id)
DAY = 24 * 3600 * 1000 << 22


@on_loop
async def test_examples_of_the_innermost_scope_that_has_any(tmp_path: Path) -> None:
    red, blue = picture(b"red"), picture(b"blue")
    async with open_store(tmp_path) as store:
        assert await store.examples(THREAD.scopes) == []
        of_server = await store.add_example(OF_SERVER, red, "Red!", OWNERS)
        assert [one.answer for one in await store.examples(THREAD.scopes)] == ["Red!"]
        first = await store.add_example(HERE, red, "A red one.", OWNERS)
        second = await store.add_example(HERE, blue, "A blue one.", OWNERS)
        found = await store.examples(THREAD.scopes)
        assert [(one.id, one.photo, one.answer) for one in found] == [
            (first, red.photo, "A red one."),
            (second, blue.photo, "A blue one."),
        ]
        assert not await store.remove_example(HERE, of_server)
        assert await store.remove_example(HERE, second)
        assert not await store.remove_example(HERE, second)
        assert await store.photo_data(blue.photo.sha256) is None
        assert await store.photo_data(red.photo.sha256) == b"red"
        assert await store.clear_examples(HERE) == 1
        assert [one.id for one in await store.examples(THREAD.scopes)] == [of_server]


@on_loop
async def test_the_last_reaction_counts(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await answered(store, said(10), "Yes.", 11)
        await store.keep_feedback(request.id, ANNA.id, liked=True)
        await store.keep_feedback(request.id, BEN.id, liked=True)
        await store.keep_feedback(request.id, BEN.id, liked=False)
        await store.take_back_feedback(request.id, BEN.id, liked=True)
        figures = await store.statistics(CHANNEL, 1 << 40, 1)
        assert (figures.liked, figures.disliked) == (1, 1)
        assert (await store.statistics(DIRECT, 1 << 40, 1)).liked == 0
        await store.take_back_feedback(request.id, BEN.id, liked=False)
        await store.forget_message(10)
        figures = await store.statistics(CHANNEL, 1 << 40, 1)
        assert (figures.liked, figures.disliked) == (0, 0)


@on_loop
async def test_figures_by_day(tmp_path: Path) -> None:
    now = first_id_at(START)
    assert (now >> 22) + DISCORD_EPOCH_MS == int(START.timestamp() * 1000)
    async with open_store(tmp_path) as store:
        for number, ago, place, seconds in (
            (1, 0, CHANNEL, 2.0),
            (2, 0, CHANNEL, 3.0),
            (3, 2, CHANNEL, 11.0),
            (4, 0, DIRECT, 2.0),
            (5, 9, CHANNEL, 2.0),
        ):
            request = await asked(store, said(now - ago * DAY - number, place=place))
            figures = {"completion_tokens": 11, "first_token_seconds": 1.0, "total_seconds": seconds}
            await store.finish_request(request.id, Outcome(RequestState.DONE, "Yes.", **figures))  # type: ignore[arg-type]
        stopped = await asked(store, said(now - 100))
        await store.finish_request(stopped.id, Outcome(RequestState.STOPPED, "Y"))
        found = await store.statistics(CHANNEL, now, 3)
        assert [(day.days_ago, day.answers, day.tokens_per_second) for day in found.days] == [
            (2, 1, 1.0),
            (1, 0, None),
            (0, 2, 7.5),
        ]
        assert (found.answers, found.tokens_per_second, found.first_token_seconds) == (3, 5.0, 1.0)
        assert await store.asked_since(now - DAY, person_id=ANNA.id, server_id=None) == 4
        assert await store.asked_since(now - DAY, person_id=None, server_id=SERVER) == 3


@on_loop
async def test_registered_commands(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        assert await store.registered_commands("1") is None
        await store.keep_registered_commands("1", "a")
        await store.keep_registered_commands("1", "b")
        assert await store.registered_commands("1") == "b"
        assert await store.registered_commands("2") is None
