"""The part of the store that belongs to whom its content is about; see `PersonalStore`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.messages import DISCORD_EPOCH_MS, Photo, PlaceKind
from bot.conversation.personal import Amount, Beside, PersonalStore, Said
from bot.store.database import Database
from bot.store.forgetting import delete_unheld, forget_examples, forget_set
from bot.store.outcomes import OWED
from bot.store.reading import PLACE, REMEMBERED, exchanges, place_of
from bot.store.tables import (
    ChannelRow,
    ExampleRow,
    FeedbackRow,
    MessagePhotoRow,
    MessageRow,
    OptOutRow,
    PersonRow,
    PhotoRow,
    RequestRow,
    ServerRow,
)

ANSWERED = func.coalesce(RequestRow.text, "") != ""
AT_A_TIME = 500
"""Expired messages that one transaction deletes: others want to write too."""


class SqlPersonal(PersonalStore):
    _database: Database

    async def kept_of(self, person_id: int) -> Amount:
        async with self._database.reading() as connection:
            return await _kept_of(connection, person_id)

    async def forget_person(self, person_id: int, *, own_place: int | None = None) -> Amount:
        async with self._database.writing() as connection:
            places = await _own_places(connection, person_id)
            forgotten = await _forget_person(connection, person_id)
            await _forget_places(connection, places)
            await forget_set(connection, places if own_place is None else [*places, own_place])
            return forgotten

    async def opt_out(self, person_id: int) -> Amount:
        async with self._database.writing() as connection:
            await connection.execute(insert(OptOutRow).values(person_id=person_id).on_conflict_do_nothing())
            places = await _own_places(connection, person_id)
            forgotten = await _forget_person(connection, person_id, but_owed=True)
            await _forget_places(connection, places)
            return forgotten

    async def opt_in(self, person_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(OptOutRow).where(OptOutRow.person_id == person_id))

    async def has_opted_out(self, person_id: int) -> bool:
        async with self._database.reading() as connection:
            return bool(await who_opted_out(connection, [person_id]))

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

    async def kept_beside(self, person_id: int) -> Beside:
        columns = (ExampleRow.shown_by, ExampleRow.answer, PhotoRow.sha256, PhotoRow.width, PhotoRow.height)
        examples = select(*columns).join(PhotoRow, PhotoRow.sha256 == ExampleRow.sha256)
        votes = select(FeedbackRow.request_id, FeedbackRow.liked).where(FeedbackRow.person_id == person_id)
        async with self._database.reading() as connection:
            shown = [
                (Photo(row.sha256, row.width, row.height) if row.shown_by == person_id else None, row.answer)
                for row in await connection.execute(
                    examples.where(_examples_of(person_id)).order_by(ExampleRow.id)
                )
            ]
            voted = await connection.execute(votes.order_by(FeedbackRow.request_id))
            return Beside(tuple(shown), {row.request_id: row.liked for row in voted})

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

    async def forget_expired(self, now: datetime, default_days: int) -> Amount:
        forgotten = Amount()
        while True:
            async with self._database.writing() as connection:
                some = await _forget_expired(connection, now, default_days)
            if some is None:
                return forgotten
            forgotten += some

    async def erase_traces(self) -> None:
        await self._database.empty_log()


async def who_opted_out(connection: AsyncConnection, person_ids: Collection[int]) -> set[int]:
    """Those of the people who have."""
    query = select(OptOutRow.person_id).where(OptOutRow.person_id.in_(person_ids))
    return set(await connection.scalars(query))


async def _kept_of(connection: AsyncConnection, person_id: int) -> Amount:
    examples = _examples_of(person_id)
    held_by_others = exists().where(
        MessagePhotoRow.sha256 == PhotoRow.sha256,
        MessageRow.id == MessagePhotoRow.message_id,
        MessageRow.author_id != person_id,
    ) | exists().where(ExampleRow.sha256 == PhotoRow.sha256, ~examples)
    own = exists().where(
        MessagePhotoRow.sha256 == PhotoRow.sha256,
        MessageRow.id == MessagePhotoRow.message_id,
        MessageRow.author_id == person_id,
    ) | exists().where(ExampleRow.sha256 == PhotoRow.sha256, examples)
    counts = (
        select(func.count()).select_from(MessageRow).where(MessageRow.author_id == person_id),
        select(func.count()).select_from(PhotoRow).where(own, ~held_by_others),
        select(func.count()).select_from(RequestRow).where(RequestRow.asker_id == person_id, ANSWERED),
        select(func.count()).select_from(ExampleRow).where(examples),
        select(func.count()).select_from(FeedbackRow).where(FeedbackRow.person_id == person_id),
    )
    return Amount(*[await connection.scalar(count) or 0 for count in counts])


def _examples_of(person_id: int) -> ColumnElement[bool]:
    # Of an older row nobody is known: that is not true and not null.
    return func.coalesce((ExampleRow.shown_by == person_id) | (ExampleRow.written_by == person_id), False)


async def _own_places(connection: AsyncConnection, person_id: int) -> list[int]:
    """Conversations that the person alone has with the bot."""
    said = exists().where(MessageRow.place_id == ChannelRow.id, MessageRow.author_id == person_id)
    asked = exists().where(RequestRow.place_id == ChannelRow.id, RequestRow.asker_id == person_id)
    alone = ChannelRow.kind.in_((PlaceKind.DIRECT, PlaceKind.WEB))
    return list(await connection.scalars(select(ChannelRow.id).where(alone, said | asked)))


async def _forget_places(connection: AsyncConnection, place_ids: Sequence[int]) -> None:
    """Those of the places of which nothing is left."""
    said = exists().where(MessageRow.place_id == ChannelRow.id)
    asked = exists().where(RequestRow.place_id == ChannelRow.id)
    await connection.execute(delete(ChannelRow).where(ChannelRow.id.in_(place_ids), ~said, ~asked))


async def _forget_person(connection: AsyncConnection, person_id: int, *, but_owed: bool = False) -> Amount:
    votes = await connection.execute(delete(FeedbackRow).where(FeedbackRow.person_id == person_id))
    messages, requests = MessageRow.author_id == person_id, RequestRow.asker_id == person_id
    if but_owed:
        requests &= RequestRow.state.not_in(OWED)
        messages &= ~exists().where(RequestRow.id == MessageRow.id, RequestRow.state.in_(OWED))
    shown = await forget_examples(connection, _examples_of(person_id))
    person = PersonRow.id == person_id
    forgotten = await _forget(connection, messages, requests, person, further_photos=shown)
    return replace(forgotten, examples=len(shown), votes=votes.rowcount)


async def _forget_expired(connection: AsyncConnection, now: datetime, default_days: int) -> Amount | None:
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
    *,
    further_photos: Sequence[str] = (),
) -> Amount:
    """The messages and the requests, and whatever and whomever of it nothing is left."""
    shown = select(MessagePhotoRow.sha256).join(MessageRow, MessageRow.id == MessagePhotoRow.message_id)
    photos = {*further_photos, *await connection.scalars(shown.where(messages))}
    answered = select(func.count()).where(requests, ANSWERED)
    answers = await connection.scalar(answered.select_from(RequestRow)) or 0
    gone = await connection.execute(delete(MessageRow).where(messages))
    await connection.execute(delete(RequestRow).where(requests))
    deleted = await delete_unheld(connection, PhotoRow.sha256.in_(photos), people)
    return Amount(gone.rowcount, deleted, answers)
