"""The part of the store that belongs to whom its content is about; see `PersonalStore`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.messages import DISCORD_EPOCH_MS, PlaceKind
from bot.conversation.personal import Forgotten, PersonalStore, Said
from bot.store.database import Database
from bot.store.forgetting import delete_unheld
from bot.store.outcomes import OWED
from bot.store.reading import PLACE, REMEMBERED, exchanges, place_of
from bot.store.tables import (
    ChannelRow,
    FeedbackRow,
    MessagePhotoRow,
    MessageRow,
    OptOutRow,
    PersonRow,
    PhotoRow,
    RequestRow,
    ServerRow,
)

AT_A_TIME = 500
"""Expired messages that one transaction deletes: others want to write too."""


class SqlPersonal(PersonalStore):
    _database: Database

    async def forget_person(self, person_id: int) -> Forgotten:
        async with self._database.writing() as connection:
            return await _forget_person(connection, person_id)

    async def opt_out(self, person_id: int) -> Forgotten:
        async with self._database.writing() as connection:
            await connection.execute(insert(OptOutRow).values(person_id=person_id).on_conflict_do_nothing())
            return await _forget_person(connection, person_id, but_owed=True)

    async def opt_in(self, person_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(OptOutRow).where(OptOutRow.person_id == person_id))

    async def has_opted_out(self, person_id: int) -> bool:
        async with self._database.reading() as connection:
            return await has_opted_out(connection, person_id)

    async def said_by(self, person_id: int, after: int, limit: int) -> list[Said]:
        query = REMEMBERED.where(MessageRow.author_id == person_id, MessageRow.id > after)
        async with self._database.reading() as connection:
            found = await exchanges(connection, query.order_by(MessageRow.id).limit(limit), {})
            ids = {exchange[0].place_id for exchange in found}
            rows = await connection.execute(select(*PLACE).where(ChannelRow.id.in_(ids)))
            places = {row.place_id: place_of(row) for row in rows}
        return [
            Said(places[message.place_id], message, next(iter(answer), None)) for message, *answer in found
        ]

    async def retention_days(self, server_id: int) -> int | None:
        async with self._database.reading() as connection:
            query = select(ServerRow.retention_days).where(ServerRow.id == server_id)
            days: int | None = await connection.scalar(query)
            return days

    async def set_retention_days(self, server_id: int, days: int | None) -> None:
        values = {"retention_days": days}
        async with self._database.writing() as connection:
            await connection.execute(
                insert(ServerRow).values(id=server_id, **values).on_conflict_do_update(set_=values)
            )

    async def forget_expired(self, now: datetime, default_days: int) -> Forgotten:
        forgotten = Forgotten()
        while True:
            async with self._database.writing() as connection:
                some = await _forget_expired(connection, now, default_days)
            if some is None:
                return forgotten
            forgotten += some

    async def erase_traces(self) -> None:
        await self._database.empty_log()


async def has_opted_out(connection: AsyncConnection, person_id: int) -> bool:
    return bool(await connection.scalar(select(exists().where(OptOutRow.person_id == person_id))))


async def _forget_person(connection: AsyncConnection, person_id: int, *, but_owed: bool = False) -> Forgotten:
    await connection.execute(delete(FeedbackRow).where(FeedbackRow.person_id == person_id))
    messages, requests = MessageRow.author_id == person_id, RequestRow.asker_id == person_id
    if but_owed:
        requests &= RequestRow.state.not_in(OWED)
        messages &= ~exists().where(RequestRow.id == MessageRow.id, RequestRow.state.in_(OWED))
    forgotten = await _forget(connection, messages, requests, PersonRow.id == person_id)
    nothing_there = ~or_(
        exists().where(MessageRow.place_id == ChannelRow.id),
        exists().where(RequestRow.place_id == ChannelRow.id),
    )
    # A direct message is the person's too, once nothing of it is left.
    await connection.execute(
        delete(ChannelRow).where(ChannelRow.kind.in_((PlaceKind.DIRECT, PlaceKind.WEB)), nothing_there)
    )
    return forgotten


async def _forget_expired(connection: AsyncConnection, now: datetime, default_days: int) -> Forgotten | None:
    """The oldest of what is expired; None if nothing is."""
    now_ms = int(now.timestamp() * 1000) - DISCORD_EPOCH_MS
    day_ms = timedelta(days=1) // timedelta(milliseconds=1)

    async def expired(row: type[MessageRow | RequestRow]) -> list[int]:
        first = (now_ms - func.coalesce(ServerRow.retention_days, default_days) * day_ms) * (1 << 22)
        query = (
            select(row.id)
            .join(ChannelRow, ChannelRow.id == row.place_id)
            .outerjoin(ServerRow, ServerRow.id == ChannelRow.server_id)
            .where(row.id < first)
            .order_by(row.id)
            .limit(AT_A_TIME)
        )
        return list(await connection.scalars(query))

    # Requests stay longer than their questions, so they are looked for by themselves.
    messages, requests = await expired(MessageRow), await expired(RequestRow)
    if not (messages or requests):
        return None
    people = set(await connection.scalars(select(MessageRow.author_id).where(MessageRow.id.in_(messages))))
    people |= set(await connection.scalars(select(RequestRow.asker_id).where(RequestRow.id.in_(requests))))
    return await _forget(
        connection, MessageRow.id.in_(messages), RequestRow.id.in_(requests), PersonRow.id.in_(people)
    )


async def _forget(
    connection: AsyncConnection,
    messages: ColumnElement[bool],
    requests: ColumnElement[bool],
    people: ColumnElement[bool],
) -> Forgotten:
    """The messages and the requests, and whatever and whomever of it nothing is left."""
    shown = select(MessagePhotoRow.sha256).join(MessageRow, MessageRow.id == MessagePhotoRow.message_id)
    photos = set(await connection.scalars(shown.where(messages)))
    answered = select(func.count()).where(requests, func.coalesce(RequestRow.text, "") != "")
    answers = await connection.scalar(answered.select_from(RequestRow)) or 0
    gone = await connection.execute(delete(MessageRow).where(messages))
    await connection.execute(delete(RequestRow).where(requests))
    deleted = await delete_unheld(connection, PhotoRow.sha256.in_(photos), people)
    return Forgotten(gone.rowcount, deleted, answers)
