"""What people do with answers, and what is counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import aliased

from bot.conversation.keeping import AnswerStore, Day, Statistics
from bot.conversation.messages import DISCORD_EPOCH_MS, Place
from bot.conversation.requests import RequestState
from bot.store.database import Database
from bot.store.outcomes import OWED
from bot.store.tables import ChannelRow, FeedbackRow, RegistrationRow, RequestRow
from bot.store.versions import take_out

_DAY_MS = 24 * 3600 * 1000


class SqlAnswers(AnswerStore):
    _database: Database

    async def show_version(self, request_id: int, version: int) -> bool:
        over = select(RequestRow.id).where(RequestRow.id == request_id, RequestRow.state.not_in(OWED))
        async with self._database.writing() as connection:
            if await connection.scalar(over) is None:
                return False
            return await take_out(connection, request_id, version)

    async def keep_feedback(self, request_id: int, person_id: int, *, liked: bool) -> None:
        values = {"liked": liked}
        async with self._database.writing() as connection:
            await connection.execute(
                insert(FeedbackRow)
                .values(request_id=request_id, person_id=person_id, **values)
                .on_conflict_do_update(set_=values)
            )

    async def take_back_feedback(self, request_id: int, person_id: int, *, liked: bool) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                delete(FeedbackRow).where(
                    FeedbackRow.request_id == request_id,
                    FeedbackRow.person_id == person_id,
                    FeedbackRow.liked.is_(liked),
                )
            )

    async def statistics(self, place: Place, now: int, days: int) -> Statistics:
        now_ms = (now >> 22) + DISCORD_EPOCH_MS
        since = max(0, (now_ms - days * _DAY_MS - DISCORD_EPOCH_MS) << 22)
        answered = _of(place, select(RequestRow.__table__)).where(
            RequestRow.id > since, RequestRow.id <= now, RequestRow.state == RequestState.DONE
        )
        counted = select(FeedbackRow.liked, func.count().label("number")).join(RequestRow)
        liked = _of(place, counted).group_by(FeedbackRow.liked)
        async with self._database.reading() as connection:
            rows = (await connection.execute(answered)).all()
            feedback = {row.liked: row.number for row in await connection.execute(liked)}
        by_day: dict[int, list[Any]] = {}
        for row in rows:
            by_day.setdefault((now_ms - (row.id >> 22) - DISCORD_EPOCH_MS) // _DAY_MS, []).append(row)
        return Statistics(
            days=tuple(_day(ago, by_day.get(ago, ())) for ago in reversed(range(days))),
            answers=len(rows),
            tokens_per_second=_rate(rows),
            first_token_seconds=_first(rows),
            liked=feedback.get(True, 0),
            disliked=feedback.get(False, 0),
        )

    async def was_asked_later(self, request_id: int, *, by_asker: bool) -> bool:
        this, later = aliased(RequestRow), aliased(RequestRow)
        query = select(later.id).join(this, later.place_id == this.place_id)
        query = query.where(this.id == request_id, later.id > this.id)
        if by_asker:
            query = query.where(later.asker_id == this.asker_id)
        async with self._database.reading() as connection:
            return await connection.scalar(query.limit(1)) is not None

    async def asked_since(self, since: int, *, person_id: int | None, server_id: int | None) -> int:
        query = select(func.count()).select_from(RequestRow).where(RequestRow.id > since)
        if person_id is not None:
            query = query.where(RequestRow.asker_id == person_id)
        if server_id is not None:
            query = query.join(ChannelRow, ChannelRow.id == RequestRow.place_id).where(
                ChannelRow.server_id == server_id
            )
        async with self._database.reading() as connection:
            return await connection.scalar(query) or 0

    async def registered_commands(self, application: str) -> str | None:
        query = select(RegistrationRow.digest).where(RegistrationRow.application == application)
        async with self._database.reading() as connection:
            return await connection.scalar(query)

    async def keep_registered_commands(self, application: str, digest: str) -> None:
        values = {"digest": digest}
        async with self._database.writing() as connection:
            await connection.execute(
                insert(RegistrationRow)
                .values(application=application, **values)
                .on_conflict_do_update(set_=values)
            )


def _of(place: Place, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The query about the requests of the place's server, or of the place itself where there is none."""
    if place.server_id is None:
        return query.where(RequestRow.place_id == place.id)
    of_server = select(ChannelRow.id).where(ChannelRow.server_id == place.server_id)
    return query.where(RequestRow.place_id.in_(of_server))


def _day(ago: int, rows: Sequence[Any]) -> Day:
    return Day(ago, len(rows), _rate(rows), _first(rows))


def _rate(rows: Sequence[Any]) -> float | None:
    # The time until the first token is that of reading the prompt, so neither of the two counts.
    rates = [
        (row.completion_tokens - 1) / seconds
        for row in rows
        if row.completion_tokens > 1 and (seconds := row.total_seconds - row.first_token_seconds) > 0
    ]
    return median(rates) if rates else None


def _first(rows: Sequence[Any]) -> float | None:
    written = [row.first_token_seconds for row in rows if row.completion_tokens]
    return median(written) if written else None
