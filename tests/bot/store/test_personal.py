from __future__ import annotations

import io
import json
import random
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.export import export
from bot.conversation.keeping import Owners
from bot.conversation.messages import Person, created_at
from bot.conversation.personal import Amount, Said
from bot.conversation.requests import RequestState
from tests.bot.conversation.chats import on_loop
from tests.bot.store import stores
from tests.bot.store.stores import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    FOREIGN_CHANNEL,
    SERVER,
    answered,
    asked,
    done,
    history,
    open_store,
    picture,
    said,
    texts,
    thread_of,
)
from tests.bot.store.test_forgetting import rows

RED, BLUE = picture(b"red"), picture(b"blue")
DAY = 86_400_000 << 22
"""Between ids."""


@on_loop
async def test_a_person_is_forgotten_everywhere_and_nobody_else(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        question = said(10)
        await asked(store, question, RED, BLUE)
        await store.add_answer_message(10, 11)
        await store.finish_request(10, done("Two."))
        await store.adopt_thread(thread_of(question), 10)
        await store.record_message(said(12, place=thread_of(question)), [], addressed=True)
        await answered(store, said(14, place=DIRECT), "Yes.", 15)
        await answered(store, said(16, place=FOREIGN_CHANNEL), "No.", 17)
        await answered(store, said(20, author=BEN), "Indeed.", 21)
        await store.record_message(said(22, author=BEN), [BLUE], addressed=False)

        assert await store.forget_person(ANNA.id) == Amount(messages=4, photos=1, answers=3)
        assert await store.forget_person(ANNA.id) == Amount()
        assert await texts(store, CHANNEL) == ["Text 20", "Indeed.", "Text 22"]
        assert await texts(store, DIRECT) == await texts(store, FOREIGN_CHANNEL) == []
        assert await store.photo_data(RED.photo.sha256) is None
        assert await store.photo_data(BLUE.photo.sha256) == b"blue"
        assert await store.is_own_thread(thread_of(question).id)
        assert DIRECT.id not in [place.id for place, _ in await store.seen_places()]
    left = rows(tmp_path)
    assert left["people"] == 1
    assert (left["messages"], left["requests"], left["request_answers"]) == (2, 1, 1)


@on_loop
async def test_all_rows_of_a_person_are_counted_and_go(tmp_path: Path) -> None:
    """Also those of the modes, and what was set where that person alone writes."""
    green, own = picture(b"green"), picture(b"own")
    scope = CHANNEL.scopes[0]
    async with open_store(tmp_path) as store:
        await asked(store, said(10), RED, BLUE)
        await store.add_answer_message(10, 11)
        await store.finish_request(10, done("Two."))
        await store.reopen_request(10, keep=True)
        await store.finish_request(10, done("Three."))
        await store.keep_feedback(10, BEN.id, liked=True)
        await answered(store, said(14, place=DIRECT), "Yes.", 15)
        await store.change_settings(DIRECT.scopes[0], ChannelSettings(prefix="My prefix"))
        await store.add_example(DIRECT.scopes[0], own, "Mine.", Owners(ANNA.id, ANNA.id))
        await store.add_example(scope, RED, "Red.", Owners(ANNA.id, BEN.id, message_id=10))
        await store.add_example(scope, green, "Green.", Owners(BEN.id, ANNA.id))
        await store.add_example(scope, BLUE, "Blue.", Owners(BEN.id, BEN.id))
        await answered(store, said(20, author=BEN), "Indeed.", 21)
        await store.keep_feedback(20, ANNA.id, liked=False)

        expected = Amount(messages=2, photos=3, answers=2, examples=3, votes=1)
        assert await store.kept_of(ANNA.id) == expected
        assert await store.forget_person(ANNA.id) == expected
        assert await store.kept_of(ANNA.id) == Amount()
        assert [one.answer for one in await store.examples(CHANNEL.scopes)] == ["Blue."]
        assert await store.kept_of(BEN.id) == Amount(messages=1, photos=1, answers=1, examples=1)
    assert rows(tmp_path) == {
        **dict.fromkeys(("servers", "channels", "people", "messages", "requests"), 1),
        **dict.fromkeys(("request_answers", "examples", "photos"), 1),
    }


@on_loop
async def test_what_a_person_set_without_a_word_goes_where_it_is_named(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for place in (DIRECT, CHANNEL):
            await store.change_settings(place.scopes[0], ChannelSettings(prefix="My prefix"))
        await store.forget_person(ANNA.id, own_place=DIRECT.id)
        assert (await store.settings(DIRECT))[0] == ChannelSettings()
        assert (await store.settings(CHANNEL))[0] == ChannelSettings(prefix="My prefix")


@on_loop
async def test_an_example_goes_with_the_message_that_shows_it(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.record_message(said(10), [RED], addressed=False)
        await store.add_example(CHANNEL.scopes[0], RED, "Red.", Owners(ANNA.id, BEN.id, message_id=10))
        await store.forget_message(10)
        assert await store.examples(CHANNEL.scopes) == []
        assert await store.photo_data(RED.photo.sha256) is None


@on_loop
async def test_who_opted_out_is_not_stored(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "Yes.", 11)
        assert await store.opt_out(ANNA.id) == Amount(messages=1, answers=1)
        assert await store.has_opted_out(ANNA.id)
        assert not await store.has_opted_out(BEN.id)
        await store.record_message(said(20), [RED], addressed=False)
        await store.record_messages([(said(22), [BLUE]), (said(24, author=BEN), [])])
        assert await texts(store, CHANNEL) == ["Text 24"]
        assert rows(tmp_path) == {"servers": 1, "channels": 1, "people": 1, "messages": 1, "opt_outs": 1}
        await store.opt_in(ANNA.id)
        await store.record_message(said(30), [RED], addressed=False)
        assert await texts(store, CHANNEL) == ["Text 24", "Text 30"]


@on_loop
async def test_a_question_of_who_opted_out_is_kept_until_it_is_answered(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10), RED)
        assert await store.opt_out(ANNA.id) == Amount()
        await asked(store, said(20), BLUE)
        assert [request.id for request, _ in await store.owed_requests()] == [10, 20]
        question = await store.message(20)
        assert question is not None
        assert question.photos == (BLUE.photo,)
        assert await texts(store, CHANNEL) == []  # nobody else's answer is given with it
        for id in (10, 20):
            await store.add_answer_message(id, id + 1)
            await store.finish_request(id, done("A secret."))
        assert await store.message(20) is None
        assert await store.message(21) is None
        assert await store.photo_data(BLUE.photo.sha256) is None
        request = await store.request_of_answer(21)
        assert request is not None
        assert request.state is RequestState.FORGOTTEN
    left = rows(tmp_path)
    assert "messages" not in left
    assert "photos" not in left


@on_loop
async def test_each_server_has_its_retention_time(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for days in (1, 10, 40):
            id = 50 * DAY - days * DAY
            await answered(store, said(id, f"{days} days ago"), f"{days}.", id + 1)
            await store.record_message(
                said(id + 2, f"{days} days ago", FOREIGN_CHANNEL), [picture(b"%d" % days)], addressed=False
            )
            await answered(store, said(id + 4, f"{days} days ago", DIRECT), f"{days}.", id + 5)
        await store.set_retention_days(SERVER, 7)
        assert await store.retention_days(SERVER) == 7
        assert await store.retention_days(FOREIGN_CHANNEL.server_id or 0) is None
        now = created_at(50 * DAY)
        # In the server after 7 days, elsewhere after 30.
        gone = await store.forget_expired(now, 30)
        assert gone == Amount(messages=2 + 1 + 1, photos=1, answers=2 + 1)
        assert await texts(store, CHANNEL) == ["1 days ago", "1."]
        assert await texts(store, FOREIGN_CHANNEL) == ["10 days ago", "1 days ago"]
        assert await texts(store, DIRECT) == ["10 days ago", "10.", "1 days ago", "1."]
        assert await store.forget_expired(now, 30) == Amount()
        await store.set_retention_days(SERVER, None)
        assert await store.retention_days(SERVER) is None
        # What is forgotten leaves a request behind, so that it is not answered twice: that goes too.
        await store.forget_message(49 * DAY)
        await store.forget_expired(now + timedelta(days=60), 30)
    assert rows(tmp_path) == {"servers": 2, "channels": 3}


@on_loop
async def test_an_example_outlives_the_message_that_showed_it(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.record_message(said(1), [RED], addressed=False)
        await store.add_example(CHANNEL.scopes[0], RED, "Red.", Owners(ANNA.id, BEN.id, message_id=1))
        assert await store.forget_expired(created_at(40 * DAY), 30) == Amount(messages=1)
        [example] = await store.examples(CHANNEL.scopes)
        assert await store.photo_data(example.photo.sha256) == RED.data
        await store.forget_person(ANNA.id)
        assert await store.photo_data(example.photo.sha256) is None


@on_loop
async def test_much_expires_in_several_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.personal.AT_A_TIME", 10)
    async with open_store(tmp_path) as store:
        await store.record_messages([(said(n + 1), []) for n in range(45)])
        await store.record_message(said(40 * DAY), [], addressed=False)
        assert await store.forget_expired(created_at(41 * DAY), 30) == Amount(messages=45)
        assert await texts(store, CHANNEL) == [f"Text {40 * DAY}"]


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@on_loop
async def test_what_is_forgotten_is_in_none_of_the_files_while_the_store_is_open(tmp_path: Path) -> None:
    """Texts from short to longer than a page, deleted in any order while others are written and rewritten."""
    draw = random.Random(0)
    secretive = Person(5, "Sec-ret-ive-name")
    async with open_store(tmp_path) as store:
        for n in range(10, 3000, 10):
            author = secretive if n % 20 else BEN
            word = "sec-ret-ive" if author is secretive else "open"
            text = f"{word} {n} " * draw.choice((1, 5, 50, 1000))
            photo = picture(
                (b"SEC-PIC %d " % n if author is secretive else b"pic %d " % n) * draw.choice((5, 3000))
            )
            if draw.random() < 0.5:
                await store.record_message(said(n, text, author=author), [photo], addressed=False)
            else:
                await asked(store, said(n, text, author=author), photo)
                await store.add_answer_message(n, n + 1)
                await store.finish_request(n, done(f"{word} answer " * draw.choice((1, 500))))
            if draw.random() < 0.3:
                earlier = 10 * draw.randrange(1, n // 10 + 1)
                if earlier % 20:
                    await store.record_message(
                        said(earlier, f"sec-ret-ive edit {n} " * 20, author=secretive), [], addressed=False
                    )
        found = everything_in(tmp_path)
        assert b"sec-ret-ive" in found
        assert b"SEC-PIC" in found
        assert b"Sec-ret-ive-name" in found
        await store.forget_person(secretive.id)
        await store.erase_traces()
        found = everything_in(tmp_path)
        assert (tmp_path / "store.sqlite3-wal").stat().st_size == 0
        for secret in (b"sec-ret-ive", b"SEC-PIC", b"Sec-ret-ive-name"):
            assert secret not in found
        assert b"open" in found
        assert len(await history(store, CHANNEL, limit=10_000)) > 140


def unpacked(data: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@on_loop
async def test_a_person_is_given_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.conversation.export._AT_A_TIME", 2)
    async with open_store(tmp_path) as store:
        await asked(store, said(10, "Was ist das? 🏠"), RED, BLUE)
        await store.add_answer_message(10, 11)
        await store.finish_request(10, done("Two."))
        await store.record_message(said(20, author=BEN), [picture(b"Ben's")], addressed=False)
        for id in (30, 40):
            await store.record_message(said(id, place=DIRECT), [RED], addressed=True)
        [first] = await store.said_by(ANNA.id, 0, 1)
        assert first == Said(CHANNEL, first.message, first.answer)
        green = picture(b"green" * 50)
        await store.add_example(CHANNEL.scopes[0], green, "Green.", Owners(ANNA.id, BEN.id))
        await store.add_example(CHANNEL.scopes[0], picture(b"Ben's"), "Ben's.", Owners(BEN.id, ANNA.id))
        await answered(store, said(50, author=BEN), "Yes.", 51)
        await store.keep_feedback(50, ANNA.id, liked=False)
        [data] = [each async for each in export(store, ANNA.id, 10**7)]
        parts = [each async for each in export(store, ANNA.id, 100_300)]
        [nothing] = [each async for each in export(store, 77, 10**7)]
    names = {one.photo.sha256: f"pictures/{one.photo.sha256}.webp" for one in (RED, BLUE, green)}
    red, blue = names[RED.photo.sha256], names[BLUE.photo.sha256]
    whole = unpacked(data)
    content = json.loads(whole.pop("data.json"))
    assert sorted(whole) == sorted(names.values())
    assert whole[red] == b"red"
    assert len(parts) > 1
    pieces = [unpacked(part) for part in parts]
    assert json.loads(pieces[-1].pop("data.json")) == content
    assert {name: data for piece in pieces for name, data in piece.items()} == whole
    assert sum(map(len, pieces)) == len(whole)
    assert json.loads(unpacked(nothing)["data.json"])["messages"] == []
    assert content["examples"] == [
        {"picture": names[green.photo.sha256], "answer": "Green."},
        {"picture": None, "answer": "Ben's."},
    ]
    assert content["votes"] == [{"question": "50", "liked": False}]
    assert content["person"] == str(ANNA.id)
    assert content["opted_out"] is False
    assert [message["text"] for message in content["messages"]] == ["Was ist das? 🏠", "Text 30", "Text 40"]
    asked_first = content["messages"][0]
    assert asked_first["pictures"] == [red, blue]
    assert asked_first["answer"]["text"] == "Two."
    assert (asked_first["server"], asked_first["channel"]) == (str(stores.SERVER), str(CHANNEL.id))
    assert content["messages"][1]["answer"] is None
