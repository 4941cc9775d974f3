"""What was asked, and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, exists, select, update
from sqlalchemy.dialects.sqlite import insert

from bot.conversation.messages import Message, StoredPhoto
from bot.conversation.requests import Outcome, Request, RequestState
from bot.conversation.store import RequestStore
from bot.store import forgetting, versions
from bot.store.database import Database
from bot.store.outcomes import NO_OUTCOME, OWED, columns_of, outcome_of
from bot.store.reading import message_of, requests
from bot.store.tables import MessageRow, OptOutRow, RequestAnswerRow, RequestRow
from bot.store.together import Together
from bot.store.writing import Written, write_messages, write_people, write_places

_TABLE = cast(Table, RequestRow.__table__)
_REQUESTS = insert(_TABLE)
_FINISHED = update(_TABLE).where(_TABLE.c.id == bindparam("this"), _TABLE.c.state != RequestState.FORGOTTEN)
_ANSWERS = insert(cast(Table, RequestAnswerRow.__table__)).on_conflict_do_nothing()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is to be recorded with its request."""

    question: Written
    notes: tuple[str, ...]
    failure: str | None

    @property
    def columns(self) -> dict[str, Any]:
        message = self.question.message
        return {
            "id": message.id,
            "place_id": message.place.id,
            "asker_id": message.author.id,
            "state": RequestState.WAITING,
            "asked_mode": message.mode,
            "version": 1,
            "question_notes": list(self.notes),
            "failure": self.failure,
        }


class SqlRequests(RequestStore):
    _database: Database
    _opening: Together[Asked, bool]
    _starting: Together[int, None]
    _answering: Together[tuple[int, int], None]
    _finishing: Together[tuple[int, Outcome], None]

    async def open_request(
        self,
        message: Message,
        photos: Sequence[StoredPhoto],
        *,
        notes: Sequence[str] = (),
        failure: str | None = None,
    ) -> Request | None:
        asked = Asked(Written(message, photos, addressed=True), tuple(notes), failure)
        if not await self._opening.add(asked):
            return None
        return Request(
            message.id,
            message.place,
            message.author,
            RequestState.WAITING,
            notes=tuple(notes),
            failure=failure,
            mode=message.mode,
        )

    async def _open(self, asked: Sequence[Asked]) -> Sequence[bool]:
        """Whether each was not asked before, in one transaction."""
        ids = {each.question.message.id for each in asked}
        async with self._database.writing() as connection:
            known = set(await connection.scalars(select(RequestRow.id).where(RequestRow.id.in_(ids))))
            new = {each.question.message.id: each for each in asked}
            new = {id: each for id, each in new.items() if id not in known}
            messages = [each.question.message for each in asked]
            await write_places(connection, [(message.place, message.id) for message in messages])
            # What was forgotten is not remembered again.
            if new:
                await write_people(connection, [each.question.message.author for each in new.values()])
                await connection.execute(_REQUESTS, [each.columns for each in new.values()])
                await write_messages(connection, [each.question for each in new.values()])
        # Of one that was asked twice at the same time, one is new.
        return [new.get(each.question.message.id) is each for each in asked]

    async def amend_request(
        self,
        message: Message,
        photos: Sequence[StoredPhoto],
        *,
        notes: Sequence[str] = (),
        failure: str | None = None,
    ) -> Request | None:
        this = (RequestRow.id == message.id) & (RequestRow.state != RequestState.FORGOTTEN)
        about = {"question_notes": list(notes), "failure": failure}
        async with self._database.writing() as connection:
            amended = await connection.execute(
                update(RequestRow)
                .where(this)
                .values(state=RequestState.WAITING, version=1, **about, **NO_OUTCOME)
            )
            if amended.rowcount == 0:
                return None
            await versions.forget_versions(connection, this)
            await write_people(connection, [message.author])
            await write_messages(connection, [Written(message, photos, addressed=True)])
            return next(iter(await requests(connection, RequestRow.id == message.id)))

    async def start_request(self, request_id: int) -> None:
        await self._starting.add(request_id)

    async def _start(self, request_ids: Sequence[int]) -> Sequence[None]:
        async with self._database.writing() as connection:
            await connection.execute(
                update(RequestRow)
                .where(RequestRow.id.in_(request_ids), RequestRow.state == RequestState.WAITING)
                .values(state=RequestState.RUNNING)
            )
        return [None] * len(request_ids)

    async def count_device_failure(self, request_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(RequestRow)
                .where(RequestRow.id == request_id)
                .values(device_failures=RequestRow.device_failures + 1)
            )

    async def expect_answer_message(self, request_id: int, after: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(RequestRow).where(RequestRow.id == request_id).values(expected_after=after)
            )

    async def add_answer_message(self, request_id: int, message_id: int) -> None:
        await self._answering.add((request_id, message_id))

    async def _answer(self, posted: Sequence[tuple[int, int]]) -> Sequence[None]:
        async with self._database.writing() as connection:
            wanted = RequestRow.id.in_([request_id for request_id, _ in posted])
            known = set(await connection.scalars(select(RequestRow.id).where(wanted)))
            rows = [
                {"message_id": message_id, "request_id": request_id}
                for request_id, message_id in posted
                if request_id in known
            ]
            if rows:
                await connection.execute(_ANSWERS, rows)
        return [None] * len(posted)

    async def remove_answer_message(self, message_id: int) -> None:
        async with self._database.writing() as connection:
            await forgetting.forget_answer_message(connection, message_id)

    async def finish_request(self, request_id: int, outcome: Outcome) -> None:
        """A forgotten request stays so, whatever came out of it."""
        await self._finishing.add((request_id, outcome))

    async def _finish(self, finished: Sequence[tuple[int, Outcome]]) -> Sequence[None]:
        async with self._database.writing() as connection:
            rows = [{"this": request_id, **columns_of(outcome)} for request_id, outcome in finished]
            await connection.execute(_FINISHED, rows)
            of_opted_out = (
                select(RequestRow.id)
                .join(OptOutRow, OptOutRow.person_id == RequestRow.asker_id)
                .where(RequestRow.id.in_([request_id for request_id, _ in finished]))
            )
            for request_id in await connection.scalars(of_opted_out):
                # The question was kept for as long as it was owed an answer.
                await forgetting.forget_message(connection, request_id)
        return [None] * len(finished)

    async def reopen_request(self, request_id: int, *, keep: bool) -> Request:
        """The request as it is then: a forgotten one stays so.

        Raises:
            LookupError: there is no such request.
        """
        async with self._database.writing() as connection:
            if keep:
                await versions.make_room(connection, request_id)
            await connection.execute(
                update(RequestRow)
                .where(RequestRow.id == request_id, RequestRow.state != RequestState.FORGOTTEN)
                .values(state=RequestState.WAITING, **NO_OUTCOME)
            )
            for request in await requests(connection, RequestRow.id == request_id):
                return request
        raise LookupError(f"There is no request {request_id}")

    async def owed_requests(self) -> list[tuple[Request, Message]]:
        """The questions come without offers: their pictures were kept when they were recorded."""
        async with self._database.reading() as connection:
            owed = await requests(connection, RequestRow.state.in_(OWED))
            questions = await connection.execute(
                select(MessageRow.__table__).where(MessageRow.id.in_([request.id for request in owed]))
            )
            rows = {row.id: row for row in questions}
        return [
            (request, message_of(rows[request.id], request.place, request.asker))
            for request in owed
            if request.id in rows
        ]

    async def request_of_question(self, message_id: int) -> Request | None:
        async with self._database.reading() as connection:
            return next(iter(await requests(connection, RequestRow.id == message_id)), None)

    async def request_of_answer(self, message_id: int) -> Request | None:
        answered = select(RequestAnswerRow.request_id).where(RequestAnswerRow.message_id == message_id)
        async with self._database.reading() as connection:
            return next(iter(await requests(connection, RequestRow.id.in_(answered))), None)

    async def was_asked_in(self, place_id: int) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().where(RequestRow.place_id == place_id))))

    async def outcome(self, request_id: int) -> Outcome | None:
        async with self._database.reading() as connection:
            return await outcome_of(connection, request_id)
