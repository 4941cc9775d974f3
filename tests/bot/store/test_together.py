"""Many small writes at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.conversation.messages import Person
from bot.store.errors import StoreError
from bot.store.together import MOST, Together
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import ANNA, CHANNEL, DIRECT, open_store, picture, said, texts


class Writer:
    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def write(self, items: Sequence[int]) -> list[int]:
        await self.go_on.wait()
        self.calls.append(list(items))
        if -1 in items:
            raise ValueError("one of them is wrong")
        if -2 in items:
            raise StoreError("The disk is full.")
        return [2 * item for item in items]


@on_loop
async def test_what_comes_meanwhile_is_written_at_once_and_each_gets_its_own_result() -> None:
    writer = Writer()
    together = Together(writer.write)
    writer.go_on.clear()
    first = asyncio.create_task(together.add(1))
    await asyncio.sleep(0)
    others = [asyncio.create_task(together.add(number)) for number in range(2, 500)]
    await asyncio.sleep(0)
    writer.go_on.set()
    assert await asyncio.gather(first, *others) == [2 * number for number in range(1, 500)]
    assert [len(call) for call in writer.calls] == [1, MOST, MOST, MOST, MOST, 98]
    assert await together.add(7) == 14


@on_loop
async def test_one_that_is_wrong_fails_alone() -> None:
    writer = Writer()
    together = Together(writer.write)
    results = await asyncio.gather(*(together.add(item) for item in (1, -1, 3)), return_exceptions=True)
    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)


@on_loop
async def test_a_store_that_fails_fails_them_all_at_once() -> None:
    writer = Writer()
    together = Together(writer.write)
    results = await asyncio.gather(*(together.add(item) for item in (1, -2, 3)), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    assert len(writer.calls) == 1


@on_loop
async def test_who_is_cancelled_holds_nobody_up() -> None:
    writer = Writer()
    together = Together(writer.write)
    writer.go_on.clear()
    tasks = [asyncio.create_task(together.add(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    writer.go_on.set()
    assert await tasks[2] == 4
    assert tasks[1].cancelled()


@on_loop
async def test_a_burst_of_messages_is_as_if_they_came_one_by_one(tmp_path: Path) -> None:
    red, blue = picture(b"red"), picture(b"blue")
    async with open_store(tmp_path) as store:
        await store.opt_out(77)
        secretive = Person(77, "Secretive")
        await asyncio.gather(
            store.record_message(said(10, "First"), [red], addressed=False),
            store.record_message(said(10, "Edited"), [blue], addressed=True),
            store.record_message(said(20, author=secretive), [], addressed=False),
            store.record_message(said(30, author=Person(1, "Anna B.")), [red, blue], addressed=False),
            store.record_message(said(40, place=DIRECT), [], addressed=False),
        )
        assert await texts(store, CHANNEL) == ["Edited", "Text 30"]
        [edited, last] = await store.history(CHANNEL, 100, 10)
        assert (edited.photos, edited.addressed) == ((blue.photo,), True)
        assert last.photos == (red.photo, blue.photo)
        assert last.author == Person(ANNA.id, "Anna")  # what was said last: the message in the other place
        assert {place.id: seen for place, seen in await store.seen_places()} == {
            CHANNEL.id: 30,
            DIRECT.id: 40,
        }


@on_loop
async def test_one_message_that_cannot_be_written_takes_no_other_along(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        results = await asyncio.gather(
            store.record_message(said(10), [], addressed=False),
            store.record_message(said(1 << 70), [], addressed=False),  # no 64-bit id
            store.record_message(said(30), [], addressed=False),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), OverflowError, type(None)]
        assert await texts(store, CHANNEL) == ["Text 10", "Text 30"]


@on_loop
async def test_a_question_that_comes_twice_at_once_is_asked_once(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        opened = await asyncio.gather(*(store.open_request(said(10), []) for _ in range(3)))
        assert [request is not None for request in opened].count(True) == 1
        assert await store.open_request(said(10), []) is None


@pytest.mark.parametrize("number", [1, 300])
@on_loop
async def test_many_questions_at_once(tmp_path: Path, number: int) -> None:
    async with open_store(tmp_path) as store:
        opened = await asyncio.gather(
            *(store.open_request(said(10 * n), [picture(b"%d" % (n % 7))]) for n in range(1, number + 1))
        )
        assert all(opened)
        assert [request.id for request, _ in await store.owed_requests()] == [
            10 * n for n in range(1, number + 1)
        ]
