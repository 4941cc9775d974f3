from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.keeping import Owners
from bot.conversation.messages import Scope
from bot.conversation.requests import Outcome, RequestState
from bot.store.tables import Base
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    FOREIGN_CHANNEL,
    OTHER_CHANNEL,
    SERVER,
    answered,
    asked,
    done,
    open_store,
    picture,
    said,
    texts,
    thread_of,
)

RED, BLUE = picture(b"red"), picture(b"blue")


def rows(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "store.sqlite3") as database:
        counts = {
            table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            for table in Base.metadata.tables
        }
    database.close()
    return {table: count for table, count in counts.items() if count}


@on_loop
async def test_a_question_goes_with_its_answer_and_the_pictures_that_nobody_else_holds(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10, author=BEN), RED, BLUE)
        await store.add_answer_message(10, 11)
        await store.finish_request(10, done("Two."))
        await store.record_message(said(20), [BLUE], addressed=False)
        for _ in range(2):
            await store.forget_message(10)
        assert await texts(store, CHANNEL) == ["Text 20"]
        assert await store.photo_data(RED.photo.sha256) is None
        assert await store.photo_data(BLUE.photo.sha256) == b"blue"
        assert await store.message(11) is None
        request = await store.request_of_answer(11)
        assert request is not None
        assert (request.state, await store.outcome(10)) == (
            RequestState.FORGOTTEN,
            Outcome(RequestState.FORGOTTEN, ""),
        )
        await store.forget_message(20)
        assert await store.photo_data(BLUE.photo.sha256) is None
    assert rows(tmp_path) == {"servers": 1, "channels": 1, "people": 1, "requests": 1, "request_answers": 1}


@on_loop
async def test_a_forgotten_question_stays_so(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        question = said(10)
        await asked(store, question)
        await store.start_request(10)
        await store.forget_message(10)
        await store.finish_request(10, done("Too late."))
        await store.add_answer_message(10, 11)
        assert (await store.reopen_request(10, keep=True)).state is RequestState.FORGOTTEN
        assert await store.owed_requests() == []
        assert await store.open_request(question, []) is None
        assert await texts(store, CHANNEL) == []
        assert b"Too late" not in (tmp_path / "store.sqlite3-wal").read_bytes()


@pytest.mark.parametrize("part", [11, 12])
@on_loop
async def test_an_answer_goes_with_each_of_its_messages(tmp_path: Path, part: int) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "Long.", 11, 12)
        await store.forget_message(part)
        assert await texts(store, CHANNEL) == ["Text 10"]
        assert await store.outcome(10) == Outcome(RequestState.FORGOTTEN, "")


@on_loop
async def test_an_answer_that_is_being_written_loses_only_the_message(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10))
        await store.add_answer_message(10, 11)
        await store.forget_message(11)
        [(request, _)] = await store.owed_requests()
        assert request.answer_ids == ()
        await store.add_answer_message(10, 12)
        await store.finish_request(10, done("Yes."))
        assert await texts(store, CHANNEL) == ["Text 10", "Yes."]


@on_loop
async def test_a_channel_goes_with_its_threads(tmp_path: Path) -> None:
    question = said(10)
    thread = thread_of(question)
    async with open_store(tmp_path) as store:
        await asked(store, question, RED)
        await store.adopt_thread(thread, 10)
        await answered(store, said(12, place=thread, author=BEN), "Yes.", 13)
        await store.change_settings(Scope(thread.id), ChannelSettings(mode=Mode.VQA))
        await store.record_message(said(20, place=DIRECT), [BLUE], addressed=True)
        await store.forget_place(CHANNEL.id)
        assert await texts(store, DIRECT) == ["Text 20"]
        assert await store.photo_data(BLUE.photo.sha256) == b"blue"
        assert not await store.is_own_thread(thread.id)
        await store.change_settings(OTHER_CHANNEL.scopes[0], ChannelSettings(mode=Mode.VQA))
        await store.forget_place(OTHER_CHANNEL.id)
    assert rows(tmp_path) == {
        "servers": 1,
        "channels": 1,
        "people": 1,
        "messages": 1,
        "photos": 1,
        "message_photos": 1,
    }


@on_loop
async def test_a_thread_goes_alone_and_is_left_when_its_opening_goes(tmp_path: Path) -> None:
    questions = said(10), said(20)
    async with open_store(tmp_path) as store:
        for question in questions:
            await answered(store, question, f"Answer {question.id}", question.id + 1)
            await store.adopt_thread(thread_of(question), question.id)
            await store.record_message(said(question.id + 2, place=thread_of(question)), [], addressed=True)
        await store.forget_place(10)
        assert await texts(store, thread_of(questions[0])) == []
        assert await texts(store, CHANNEL) == ["Text 10", "Answer 10", "Text 20", "Answer 20"]
        await store.forget_message(20)
        assert await texts(store, thread_of(questions[1])) == ["Text 22"]
        assert await store.is_own_thread(20)


@on_loop
async def test_nothing_of_a_server_is_left(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10, author=BEN), RED)
        await answered(store, said(12, place=thread_of(said(10))), "Yes.", 13)
        await store.adopt_thread(thread_of(said(10)), 10)
        for scope in CHANNEL.scopes:
            await store.change_settings(scope, ChannelSettings(mode=Mode.VQA))
        # Where nobody has said anything yet.
        await store.change_settings(OTHER_CHANNEL.scopes[0], ChannelSettings(mode=Mode.VQA))
        await store.add_example(OTHER_CHANNEL.scopes[0], RED, "Red.", Owners(ANNA.id, ANNA.id))
        await store.forget_server(SERVER)
    assert rows(tmp_path) == {}


@on_loop
async def test_another_server_is_left_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10), RED)
        await store.record_message(said(20, place=FOREIGN_CHANNEL), [RED], addressed=True)
        await store.forget_server(SERVER)
        [kept] = await store.history(FOREIGN_CHANNEL, 30, 10)
        assert (kept.author, kept.photos) == (ANNA, (RED.photo,))
        assert await store.photo_data(RED.photo.sha256) == b"red"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@on_loop
async def test_what_is_forgotten_is_not_in_the_file(tmp_path: Path) -> None:
    secrets = [b"a secret question", b"a secret answer", b"a secret picture" * 1000, b"Secretive"]
    async with open_store(tmp_path) as store:
        author = type(ANNA)(5, secrets[3].decode())
        question = said(10, secrets[0].decode(), author=author)
        await asked(store, question, picture(secrets[2]))
        await store.add_answer_message(10, 11)
        await store.finish_request(10, done(secrets[1].decode()))
    file = tmp_path / "store.sqlite3"
    assert all(secret[:16] in file.read_bytes() for secret in secrets)
    async with open_store(tmp_path) as store:
        await store.forget_server(SERVER)
    assert not any(secret[:9] in file.read_bytes() for secret in secrets)
    assert names_in(tmp_path) == [file.name]
