"""The core's `Store` on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import exists, literal, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.messages import Message, Origin, Place, Remembered, Scope
from bot.conversation.ports import Outcome, Request, RequestState, Store, StoredPhoto
from bot.store import forgetting, history, probing, versions
from bot.store.answers import SqlAnswers
from bot.store.database import Database, opened
from bot.store.examples import SqlExamples
from bot.store.outcomes import NO_OUTCOME, OWED, columns_of, outcome_of
from bot.store.personal import SqlPersonal, has_opted_out
from bot.store.reading import (
    ANSWERED_BY,
    ANY_MESSAGE,
    PLACE,
    SETTINGS,
    exchanges,
    message_of,
    place_of,
    requests,
)
from bot.store.tables import (
    ChannelRow,
    MessagePhotoRow,
    MessageRow,
    OwnThreadRow,
    PhotoRow,
    RequestAnswerRow,
    RequestRow,
    SettingsRow,
)
from bot.store.writing import later, write_message, write_person, write_place, write_whole


class SqlStore(SqlExamples, SqlAnswers, SqlPersonal, Store):
    """What is remembered; see `Store` for the methods that have no word here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[SqlStore]:
        """The store in the file that `url` names (sqlite+aiosqlite:///FILE), made or upgraded if need be.

        Raises:
            StoreError: it cannot be opened.
        """
        async with opened(url) as database:
            yield SqlStore(database)

    async def is_writable(self) -> bool:
        """Something can be recorded now."""
        return await asyncio.to_thread(probing.is_writable, self._database.path)

    # Messages

    async def record_message(
        self, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
    ) -> None:
        async with self._database.writing() as connection:
            if message.origin is Origin.SELF and await connection.scalar(
                select(exists().where(RequestAnswerRow.message_id == message.id))
            ):
                return  # a part of an answer, which is kept with its request
            await self._record(connection, message, photos, addressed=addressed)

    async def record_messages(self, said: Sequence[tuple[Message, Sequence[StoredPhoto]]]) -> None:
        async with self._database.writing() as connection:
            for message, photos in said:
                await self._record(connection, message, photos, addressed=False)

    async def _record(
        self, connection: AsyncConnection, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
    ) -> None:
        if not await has_opted_out(connection, message.author.id):
            await write_whole(connection, message, photos, addressed=addressed)

    async def history(self, place: Place, before: int, limit: int) -> list[Remembered]:
        async with self._database.reading() as connection:
            return await history.history(connection, place, before, limit)

    async def newest_with_photo(self, place: Place, before: int, within: int) -> list[Remembered]:
        async with self._database.reading() as connection:
            return await history.newest_with_photo(connection, place, before, within)

    async def message(self, message_id: int) -> Remembered | None:
        """A message, or the answer that this message of the bot's holds a part of."""
        values = {"message": message_id}
        async with self._database.reading() as connection:
            for exchange in await exchanges(connection, ANY_MESSAGE, values):
                return exchange[0]
            for exchange in await exchanges(connection, ANSWERED_BY, values):
                return next((one for one in exchange if one.by_bot), None)
        return None

    async def photo_data(self, sha256: str) -> bytes | None:
        async with self._database.reading() as connection:
            return await connection.scalar(select(PhotoRow.data).where(PhotoRow.sha256 == sha256))

    async def shows_photo(self, place_id: int, sha256: str) -> bool:
        shown = exists().where(
            MessagePhotoRow.sha256 == sha256,
            MessageRow.id == MessagePhotoRow.message_id,
            MessageRow.place_id == place_id,
        )
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(shown)))

    async def clear_history(self, place_id: int, at: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(ChannelRow).where(ChannelRow.id == place_id).values(cleared_at=at)
            )

    # Requests

    async def open_request(
        self,
        message: Message,
        photos: Sequence[StoredPhoto],
        *,
        notes: Sequence[str] = (),
        failure: str | None = None,
    ) -> Request | None:
        async with self._database.writing() as connection:
            await write_place(connection, message.place, seen=message.id)
            await write_person(connection, message.author)
            opened = await connection.execute(
                insert(RequestRow)
                .values(
                    id=message.id,
                    place_id=message.place.id,
                    asker_id=message.author.id,
                    state=RequestState.WAITING,
                    asked_mode=message.mode,
                    version=1,
                    question_notes=list(notes),
                    failure=failure,
                )
                .on_conflict_do_nothing()
            )
            if opened.rowcount == 0:
                return None  # what was forgotten is not remembered again
            await write_message(connection, message, photos, addressed=True)
        return Request(
            message.id,
            message.id,
            message.place,
            message.author,
            RequestState.WAITING,
            notes=tuple(notes),
            failure=failure,
            mode=message.mode,
        )

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
            await write_person(connection, message.author)
            await write_message(connection, message, photos, addressed=True)
            return next(iter(await requests(connection, RequestRow.id == message.id)))

    async def start_request(self, request_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(RequestRow)
                .where(RequestRow.id == request_id, RequestRow.state == RequestState.WAITING)
                .values(state=RequestState.RUNNING)
            )

    async def add_answer_message(self, request_id: int, message_id: int) -> None:
        request = select(literal(message_id), RequestRow.id).where(RequestRow.id == request_id)
        async with self._database.writing() as connection:
            await connection.execute(
                insert(RequestAnswerRow)
                .from_select(["message_id", "request_id"], request)
                .on_conflict_do_nothing()
            )

    async def remove_answer_message(self, message_id: int) -> None:
        async with self._database.writing() as connection:
            await forgetting.forget_answer_message(connection, message_id)

    async def finish_request(self, request_id: int, outcome: Outcome) -> None:
        """A forgotten request stays so, whatever came out of it."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(RequestRow)
                .where(RequestRow.id == request_id, RequestRow.state != RequestState.FORGOTTEN)
                .values(**columns_of(outcome))
            )
            asker = select(RequestRow.asker_id).where(RequestRow.id == request_id)
            if await has_opted_out(connection, await connection.scalar(asker) or 0):
                # The question was kept for as long as it was owed an answer.
                await forgetting.forget_message(connection, request_id)

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

    async def request_of_answer(self, message_id: int) -> Request | None:
        answered = select(RequestAnswerRow.request_id).where(RequestAnswerRow.message_id == message_id)
        async with self._database.reading() as connection:
            return next(iter(await requests(connection, RequestRow.id.in_(answered))), None)

    async def request_of_question(self, message_id: int) -> Request | None:
        async with self._database.reading() as connection:
            return next(iter(await requests(connection, RequestRow.id == message_id)), None)

    async def was_asked_in(self, place_id: int) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().where(RequestRow.place_id == place_id))))

    async def outcome(self, request_id: int) -> Outcome | None:
        async with self._database.reading() as connection:
            return await outcome_of(connection, request_id)

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

    # Places

    async def settings(self, place: Place) -> list[ChannelSettings]:
        ids = [scope.id for scope in place.scopes]
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(SettingsRow.__table__).where(SettingsRow.scope_id.in_(ids))
            )
            stored = {
                Scope(row.scope_id, row.is_server): SETTINGS.validate_python(row.settings) for row in rows
            }
        return [stored.get(scope, ChannelSettings()) for scope in place.scopes]

    async def change_settings(self, scope: Scope, settings: ChannelSettings) -> None:
        values = {"settings": SETTINGS.dump_python(settings, mode="json", exclude_none=True)}
        async with self._database.writing() as connection:
            await connection.execute(
                insert(SettingsRow)
                .values(scope_id=scope.id, is_server=scope.is_server, **values)
                .on_conflict_do_update(set_=values)
            )

    async def adopt_thread(self, thread: Place, request_id: int) -> None:
        opening = select(literal(thread.id), RequestRow.id).where(RequestRow.id == request_id)
        async with self._database.writing() as connection:
            await write_place(connection, thread, seen=thread.id)
            await connection.execute(
                insert(OwnThreadRow)
                .from_select(["thread_id", "request_id"], opening)
                .on_conflict_do_nothing()
            )

    async def is_own_thread(self, place_id: int) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().where(OwnThreadRow.thread_id == place_id))))

    async def seen_places(self) -> list[tuple[Place, int]]:
        """Those with the newest messages come first."""
        seen = select(*PLACE, ChannelRow.last_seen_id).where(ChannelRow.last_seen_id.is_not(None))
        async with self._database.reading() as connection:
            rows = await connection.execute(seen.order_by(ChannelRow.last_seen_id.desc()))
            return [(place_of(row), row.last_seen_id) for row in rows]

    async def mark_seen(self, place_id: int, message_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(ChannelRow).where(ChannelRow.id == place_id).values(last_seen_id=later(message_id))
            )

    # Forgetting

    async def forget_message(self, message_id: int) -> None:
        """Of an answer in several messages, each takes the whole with it, unless it is owed."""
        async with self._database.writing() as connection:
            await forgetting.forget_message(connection, message_id)

    async def forget_place(self, place_id: int) -> None:
        """A channel with its threads, or a thread: everything in it."""
        async with self._database.writing() as connection:
            await forgetting.forget_places(
                connection, (ChannelRow.id == place_id) | (ChannelRow.parent_id == place_id)
            )

    async def forget_server(self, server_id: int) -> None:
        """A server with everything in it."""
        async with self._database.writing() as connection:
            await forgetting.forget_server(connection, server_id)
