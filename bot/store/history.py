"""A place's history: what the model is shown of it."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.messages import Place, PlaceKind, Remembered
from bot.store.reading import REMEMBERED, exchanges
from bot.store.tables import ChannelRow, MessagePhotoRow, MessageRow, OptOutRow, OwnThreadRow

# Made once: building a statement takes longer than running it.
_CLEARED = select(ChannelRow.cleared_at).where(ChannelRow.id == bindparam("place")).scalar_subquery()
_COUNTS = (
    MessageRow.id < bindparam("before"),
    MessageRow.id > func.coalesce(_CLEARED, 0),
    # Of those who opted out, questions that are owed an answer are there: for themselves alone.
    ~exists().where(OptOutRow.person_id == MessageRow.author_id),
)
_COUNTING = REMEMBERED.where(*_COUNTS)
NEWEST = (
    _COUNTING.where(MessageRow.place_id == bindparam("place"))
    .order_by(MessageRow.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_RECENT = (
    select(MessageRow.id)
    .where(MessageRow.place_id == bindparam("place"), *_COUNTS)
    .order_by(MessageRow.id.desc())
    .limit(bindparam("within", type_=Integer))
    .subquery()
)
PICTURED = REMEMBERED.where(
    MessageRow.id
    == select(func.max(_RECENT.c.id))
    .where(exists().where(MessagePhotoRow.message_id == _RECENT.c.id))
    .scalar_subquery()
)
OPENING = _COUNTING.where(
    MessageRow.id
    == select(OwnThreadRow.request_id).where(OwnThreadRow.thread_id == bindparam("place")).scalar_subquery()
)


async def history(connection: AsyncConnection, place: Place, before: int, limit: int) -> list[Remembered]:
    """As `Store.history`; the exchange that opened a thread stands in the thread's parent."""
    values = {"place": place.id, "before": before, "limit": limit}
    found = await exchanges(connection, NEWEST, values)
    if place.kind is PlaceKind.THREAD and len(found) < limit:
        found += await exchanges(connection, OPENING, values)
    messages = [message for exchange in reversed(found) for message in exchange]
    return messages[max(0, len(messages) - limit) :]


async def newest_with_photo(
    connection: AsyncConnection, place: Place, before: int, within: int
) -> list[Remembered]:
    """As `Store.newest_with_photo`."""
    values = {"place": place.id, "before": before}
    found = await exchanges(connection, PICTURED, values | {"within": within})
    if not found and place.kind is PlaceKind.THREAD:
        found = await exchanges(connection, OPENING, values)
    return [message for exchange in found if exchange[0].photos for message in exchange]
