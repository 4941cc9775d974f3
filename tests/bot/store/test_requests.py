from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.conversation.messages import Reference
from bot.conversation.requests import Outcome, Request, RequestState
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import (
    ANNA,
    BEN,
    CHANNEL,
    DIRECT,
    answered,
    asked,
    done,
    history,
    open_store,
    said,
    texts,
)


@on_loop
async def test_a_message_has_one_request(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await asked(store, said(10))
        assert request == Request(10, CHANNEL, ANNA, RequestState.WAITING)
        assert await store.open_request(said(10), []) is None
        assert await store.request_of_question(10) == request
        assert await store.request_of_question(11) is None
        await store.start_request(request.id)
        assert await store.request_of_question(10) == replace(request, state=RequestState.RUNNING)
        await store.finish_request(request.id, done("Yes."))
        await store.start_request(request.id)
        assert await store.request_of_question(10) == replace(request, state=RequestState.DONE)
        assert await store.open_request(said(10), []) is None


@on_loop
async def test_what_is_owed_is_known_after_a_restart(tmp_path: Path) -> None:
    second = said(30, place=DIRECT, author=BEN, mentions_bot=True, reply_to=Reference(9, to_bot=True))
    async with open_store(tmp_path) as store:
        await asked(store, second)
        first = await asked(store, said(20, "Which one?"))
        await store.start_request(first.id)
        await store.count_device_failure(first.id)
        await store.add_answer_message(first.id, 40)
        await answered(store, said(10), "Done.", 11)
        for state in (RequestState.STOPPED, RequestState.FAILED):
            request = await asked(store, said(50 + len(state)))
            await store.finish_request(request.id, Outcome(state, ""))
    async with open_store(tmp_path) as store:
        [(request, question), (other, other_question)] = await store.owed_requests()
        assert request == replace(first, state=RequestState.RUNNING, answer_ids=(40,), device_failures=1)
        assert question == said(20, "Which one?")
        assert (other.state, other_question) == (RequestState.WAITING, second)
        assert (await store.reopen_request(first.id, keep=False)).device_failures == 0


@on_loop
async def test_an_outcome_is_kept_whole_and_may_be_recorded_again(tmp_path: Path) -> None:
    outcome = Outcome(RequestState.STOPPED, "A red", (3, 4), "stopped", 50, 40, 2, 0.5, 0.25, 1.5, "why")
    outcome = replace(outcome, notes=("Stopped.",))
    async with open_store(tmp_path) as store:
        request = await asked(store, said(10))
        assert await store.outcome(request.id) is None
        await store.add_answer_message(request.id, 11)
        for _ in range(2):
            await store.finish_request(request.id, outcome)
        assert await texts(store, CHANNEL) == ["Text 10", "A red"]
        assert await store.outcome(99) is None
    async with open_store(tmp_path) as store:
        assert await store.outcome(request.id) == outcome


@on_loop
async def test_an_answer_of_several_messages_is_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await answered(store, said(10), "A long answer.", 12, 13, 11)
        await store.add_answer_message(request.id, 13)
        [_, answer] = await history(store, CHANNEL)
        assert answer.id == 11
        for part in (11, 12, 13):
            found = await store.request_of_answer(part)
            assert found is not None
            assert (found.id, found.answer_ids) == (request.id, (11, 12, 13))
            assert await store.message(part) == answer
        await store.remove_answer_message(13)
        assert await store.message(13) is None
        assert await store.request_of_answer(13) is None
        assert await texts(store, CHANNEL) == ["Text 10", "A long answer."]


@on_loop
async def test_what_was_not_shown_is_no_part_of_the_history(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await answered(store, said(10), "Nobody saw it.")
        shown = await asked(store, said(20))
        await store.add_answer_message(shown.id, 21)
        await store.finish_request(shown.id, Outcome(RequestState.STOPPED, ""))
        assert await texts(store, CHANNEL) == ["Text 10", "Text 20"]
        assert (await store.outcome(request.id) or done("")).text == "Nobody saw it."


@on_loop
async def test_a_reopened_request_is_owed_and_its_answer_gone(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await answered(store, said(10), "Old.", 11)
        reopened = await store.reopen_request(request.id, keep=False)
        assert reopened == replace(request, answer_ids=(11,))
        assert [owed for owed, _ in await store.owed_requests()] == [reopened]
        assert await texts(store, CHANNEL) == ["Text 10"]
        assert await store.outcome(request.id) is None
        assert await store.message(11) is None
        await store.finish_request(request.id, done("New."))
        assert await texts(store, CHANNEL) == ["Text 10", "New."]


@on_loop
async def test_what_the_asker_is_to_be_told_is_kept_with_the_request(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        request = await store.open_request(
            said(10), [], notes=["I could not use a.png."], failure="no picture"
        )
        assert request is not None
        assert (request.notes, request.failure) == (("I could not use a.png.",), "no picture")
    async with open_store(tmp_path) as store:
        assert [owed for owed, _ in await store.owed_requests()] == [request]
        await store.finish_request(request.id, done("Yes."))
        assert await store.reopen_request(request.id, keep=False) == request
        amended = await store.amend_request(said(10), [])
        assert amended == replace(request, notes=(), failure=None)
        await store.amend_request(said(10), [], notes=["I could not use b.png."], failure="no picture")
        await store.forget_message(10)
        forgotten = await store.request_of_question(10)
        assert forgotten == replace(request, state=RequestState.FORGOTTEN, notes=(), failure=None)
        assert await store.amend_request(said(10), []) is None
        assert await store.message(10) is None


@on_loop
async def test_an_edit_and_the_request_it_opens_again_come_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object, **_options: object) -> None:
        raise OSError("the program ends")

    async with open_store(tmp_path) as store:
        await answered(store, said(10, "Waht?"), "A house.", 11)
        for step in ("write_messages", "requests"):
            with monkeypatch.context() as broken:
                broken.setattr(f"bot.store.requests.{step}", fail)
                with pytest.raises(OSError, match="ends"):
                    await store.amend_request(said(10, "What?"), [])
            assert await texts(store, CHANNEL) == ["Waht?", "A house."]
            assert await store.owed_requests() == []
        await store.amend_request(said(10, "What?"), [])
        assert await texts(store, CHANNEL) == ["What?"]
        assert len(await store.owed_requests()) == 1


@on_loop
async def test_nothing_can_be_done_to_a_request_that_is_not_there(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.start_request(1)
        await store.add_answer_message(1, 2)
        await store.finish_request(1, done("Yes."))
        await store.adopt_thread(DIRECT, 1)
        assert await store.request_of_answer(2) is None
        assert not await store.is_own_thread(DIRECT.id)
        with pytest.raises(LookupError):
            await store.reopen_request(1, keep=False)


@on_loop
async def test_a_question_is_recorded_with_its_request_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object, **_options: object) -> None:
        raise OSError("the program ends")

    async with open_store(tmp_path) as store:
        with monkeypatch.context() as broken:
            broken.setattr("bot.store.requests.write_messages", fail)
            with pytest.raises(OSError, match="ends"):
                await store.open_request(said(10), [])
        assert await store.message(10) is None
        assert await store.request_of_question(10) is None
        assert await store.open_request(said(10), []) is not None
        assert await store.message(10) is not None
