"""The answers to one question: the one that is shown is in `requests`, the others are here."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.requests import Outcome
from bot.store.outcomes import NO_OUTCOME, OUTCOME, columns_of, outcome_of
from bot.store.tables import RequestRow, VersionRow


async def make_room(connection: AsyncConnection, request_id: int) -> None:
    """The answer that is shown becomes an earlier version, if it has any text; the next one is the newest."""
    await _put_away(connection, request_id)
    newest = select(func.coalesce(func.max(VersionRow.version), 0)).where(VersionRow.request_id == request_id)
    await connection.execute(
        update(RequestRow)
        .where(RequestRow.id == request_id)
        .values(version=newest.scalar_subquery() + 1, **NO_OUTCOME)
    )


async def take_out(connection: AsyncConnection, request_id: int, version: int) -> bool:
    """Shows another version in place of the one that is shown; False if there is none of this number."""
    wanted = (VersionRow.request_id == request_id) & (VersionRow.version == version)
    stored = await connection.scalar(select(VersionRow.outcome).where(wanted))
    if stored is None:
        return False
    await _put_away(connection, request_id)
    await connection.execute(delete(VersionRow).where(wanted))
    outcome: Outcome = OUTCOME.validate_python(stored)
    await connection.execute(
        update(RequestRow).where(RequestRow.id == request_id).values(version=version, **columns_of(outcome))
    )
    return True


async def forget_versions(connection: AsyncConnection, of: ColumnElement[bool]) -> None:
    """Those of requests that fulfil a condition."""
    ids = select(RequestRow.id).where(of)
    await connection.execute(delete(VersionRow).where(VersionRow.request_id.in_(ids)))


async def _put_away(connection: AsyncConnection, request_id: int) -> None:
    outcome = await outcome_of(connection, request_id)
    if outcome is not None and outcome.text:
        shown = select(RequestRow.version).where(RequestRow.id == request_id).scalar_subquery()
        await connection.execute(
            insert(VersionRow).values(
                request_id=request_id, version=shown, outcome=OUTCOME.dump_python(outcome, mode="json")
            )
        )
