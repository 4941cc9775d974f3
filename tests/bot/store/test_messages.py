from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.keeping import Owners
from bot.conversation.messages import Origin, Person, Place, PlaceKind, Reference, Remembered
from bot.conversation.requests import Outcome, RequestState
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    LATEST,
    OTHER_CHANNEL,
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

RED, BLUE = picture(b"red"), picture(b"blue")


ODD = [
    "'); DROP TABLE messages; --",
    'a" OR 1=1',
    "%_\\",
    "\x00\x1b[31m\r\n\u202e",
    "😀" * 500,
    "{author} %s :id ?",
    "",
]


@pytest.mark.parametrize("text", ODD)
@on_loop
async def test_names_and_texts_are_only_ever_what_they_are(tmp_path: Path, text: str) -> None:
    author = Person(5, text)
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "Yes.", 11)
        await store.record_message(replace(said(20, author=author), text=text), [], addressed=True)
        await store.change_settings(CHANNEL.scopes[0], ChannelSettings(prefix=text, labels=(text, "b")))
        await store.add_example(CHANNEL.scopes[0], RED, text, Owners(5, 5))
        kept = await store.message(20)
        assert kept is not None
        assert (kept.author, kept.text) == (author, text)
        assert (await store.settings(CHANNEL))[0].prefix == text
        assert [one.answer for one in await store.examples(CHANNEL.scopes)] == [text]
        assert await texts(store, CHANNEL) == ["Text 10", "Yes.", text]


@on_loop
async def test_a_message_is_kept_with_its_pictures_in_order(tmp_path: Path) -> None:
    message = said(LATEST - 1, "Look", author=BEN, reply_to=Reference(7, to_bot=True))
    async with open_store(tmp_path) as store:
        await store.record_message(message, [RED, BLUE, BLUE], addressed=True)
    async with open_store(tmp_path) as store:
        kept = Remembered(
            id=message.id,
            place_id=CHANNEL.id,
            author=BEN,
            by_bot=False,
            text="Look",
            photos=(RED.photo, BLUE.photo, BLUE.photo),
            addressed=True,
            reply_to_id=7,
        )
        assert await store.message(message.id) == kept
        assert await history(store, CHANNEL) == [kept]
        assert await store.photo_data(RED.photo.sha256) == b"red"
        assert await store.photo_data("0" * 64) is None
        assert await store.message(1) is None


@on_loop
async def test_recording_again_replaces_text_and_pictures(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.record_message(said(1), [RED, BLUE], addressed=True)
        await store.record_message(said(2), [BLUE], addressed=False)
        for _ in range(2):
            await store.record_message(said(1, "Edited"), [BLUE], addressed=False)
        [first, second] = await history(store, CHANNEL)
        assert (first.text, first.photos, first.addressed) == ("Edited", (BLUE.photo,), True)
        assert (second.photos, second.addressed) == ((BLUE.photo,), False)
        assert await store.photo_data(RED.photo.sha256) is None


@on_loop
async def test_a_person_has_the_newest_name(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.record_message(said(1), [], addressed=True)
        await store.record_message(said(2, author=type(ANNA)(ANNA.id, "Anne")), [], addressed=True)
        assert [message.author.name for message in await history(store, CHANNEL)] == ["Anne", "Anne"]


@on_loop
async def test_an_answer_stands_after_its_question(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await asked(store, said(10, "First"))
        await answered(store, said(11, "Second", author=BEN), "Second's", 20)
        await store.add_answer_message(10, 30)
        await store.finish_request(10, done("First's", 1, 2))
        assert await texts(store, CHANNEL) == ["First", "First's", "Second", "Second's"]
        assert await texts(store, CHANNEL, before=11) == ["First", "First's"]
        answer = (await history(store, CHANNEL))[1]
        assert (answer.id, answer.by_bot, answer.addressed) == (30, True, True)
        assert (answer.reply_to_id, answer.token_ids, answer.place_id) == (10, (1, 2), CHANNEL.id)


@on_loop
async def test_the_newest_messages_since_the_last_reset(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for number in range(1, 7):
            await store.record_message(said(number), [], addressed=False)
        await store.record_message(said(90, place=OTHER_CHANNEL), [], addressed=False)
        await store.record_message(said(91, place=DIRECT), [], addressed=False)
        assert await texts(store, CHANNEL, limit=2) == ["Text 5", "Text 6"]
        assert await texts(store, CHANNEL, before=4, limit=2) == ["Text 2", "Text 3"]
        assert await texts(store, CHANNEL, limit=0) == []
        await store.clear_history(CHANNEL.id, 4)
        assert await texts(store, CHANNEL) == ["Text 5", "Text 6"]
        assert await texts(store, OTHER_CHANNEL) == ["Text 90"]
        assert await texts(store, Place(5, PlaceKind.DIRECT)) == []


@on_loop
async def test_a_limit_counts_answers_too(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for number in (10, 20, 30):
            await answered(store, said(number), f"Answer {number}", number + 1)
        assert await texts(store, CHANNEL, limit=3) == ["Answer 20", "Text 30", "Answer 30"]


@on_loop
async def test_a_thread_begins_with_what_it_was_opened_from(tmp_path: Path) -> None:
    question = said(10, "What is this?")
    thread = thread_of(question)
    async with open_store(tmp_path) as store:
        await store.record_message(said(5, "Before"), [], addressed=True)
        request = await answered(store, question, "A house.", 11)
        assert not await store.is_own_thread(thread.id)
        for _ in range(2):
            await store.adopt_thread(thread, request.id)
        await answered(store, said(12, "And its colour?", thread), "Red.", 13)
        await store.record_message(said(14, "After"), [], addressed=True)
    async with open_store(tmp_path) as store:
        assert await store.is_own_thread(thread.id)
        assert not await store.is_own_thread(CHANNEL.id)
        whole = ["What is this?", "A house.", "And its colour?", "Red."]
        assert await texts(store, thread) == whole
        assert await texts(store, thread, limit=3) == whole[1:]
        assert await texts(store, thread, limit=2) == whole[2:]
        assert await texts(store, thread, before=12) == whole[:2]
        assert await texts(store, CHANNEL) == ["Before", "What is this?", "A house.", "After"]
        await store.clear_history(thread.id, 12)
        assert await texts(store, thread) == []


@on_loop
async def test_the_bots_own_messages_are_not_kept_twice(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await answered(store, said(10), "Yes.", 11)
        own = said(11, "Yes.", author=BEN)
        await store.record_message(type(own)(11, CHANNEL, BEN, Origin.SELF, "Yes."), [], addressed=False)
        await store.record_message(type(own)(12, CHANNEL, BEN, Origin.SELF, "Old."), [], addressed=False)
        assert [(message.text, message.by_bot) for message in await history(store, CHANNEL)] == [
            ("Text 10", False),
            ("Yes.", True),
            ("Old.", True),
        ]


@on_loop
async def test_a_ranked_label_has_no_token_ids(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await asked(store, said(10))
        await store.add_answer_message(request.id, 11)
        await store.finish_request(request.id, Outcome(RequestState.DONE, "house"))
        assert (await history(store, CHANNEL))[1].token_ids is None
