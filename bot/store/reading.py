"""From rows to the core's own types."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import (
    Message,
    Origin,
    Person,
    Photo,
    Place,
    PlaceKind,
    Reference,
    Remembered,
)
from bot.conversation.requests import Request, RequestState
from bot.store.tables import (
    ChannelRow,
    MessagePhotoRow,
    MessageRow,
    PersonRow,
    PhotoRow,
    RequestAnswerRow,
    RequestRow,
    VersionRow,
)

THE_BOT = Person(0, "")
"""The author of answers: the core knows its bot, and the id differs between chats."""

SETTINGS = TypeAdapter(ChannelSettings)

AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]

PLACE = (ChannelRow.id.label("place_id"), ChannelRow.kind, ChannelRow.server_id, ChannelRow.parent_id)

REMEMBERED: AnySelect = (
    select(
        MessageRow.id,
        MessageRow.place_id,
        PersonRow.id.label("author_id"),
        PersonRow.name,
        MessageRow.origin,
        MessageRow.text,
        MessageRow.addressed,
        MessageRow.reply_to_id,
        RequestRow.text.label("answer"),
        RequestRow.token_ids,
        select(func.min(RequestAnswerRow.message_id))
        .where(RequestAnswerRow.request_id == MessageRow.id)
        .scalar_subquery()
        .label("answer_id"),
        select(
            func.json_group_array(
                func.json_array(MessagePhotoRow.position, PhotoRow.sha256, PhotoRow.width, PhotoRow.height)
            )
        )
        .join(PhotoRow, PhotoRow.sha256 == MessagePhotoRow.sha256)
        .where(MessagePhotoRow.message_id == MessageRow.id)
        # Without it there would be a row, of an empty list to be parsed, for every message without a picture.
        .group_by(MessagePhotoRow.message_id)
        .scalar_subquery()
        .label("photos"),
    )
    .join(PersonRow, PersonRow.id == MessageRow.author_id)
    .outerjoin(RequestRow, RequestRow.id == MessageRow.id)
)
"""Messages, each with its pictures, and with its answer if it has one: one statement, so one state."""

REQUEST: AnySelect = (
    select(
        RequestRow.id,
        RequestRow.state,
        RequestRow.question_notes,
        RequestRow.failure,
        RequestRow.device_failures,
        RequestRow.expected_after,
        RequestRow.asked_mode,
        RequestRow.version,
        select(func.count())
        .where(VersionRow.request_id == RequestRow.id)
        .scalar_subquery()
        .label("other_versions"),
        *PLACE,
        PersonRow.id.label("asker_id"),
        PersonRow.name,
    )
    .join(ChannelRow, ChannelRow.id == RequestRow.place_id)
    .join(PersonRow, PersonRow.id == RequestRow.asker_id)
)


ANY_MESSAGE = REMEMBERED.where(MessageRow.id == bindparam("message"))
ANSWERED_BY = REMEMBERED.where(
    MessageRow.id.in_(
        select(RequestAnswerRow.request_id).where(RequestAnswerRow.message_id == bindparam("message"))
    )
)
# Made once, like those in `bot.store.history`: building a statement takes longer than running it.


async def exchanges(
    connection: AsyncConnection, query: AnySelect, values: dict[str, int]
) -> list[tuple[Remembered, ...]]:
    """The messages of a `REMEMBERED` query in its order, each by itself or with its answer."""
    found: list[tuple[Remembered, ...]] = []
    people: dict[int, Person] = {}
    # By position: there are many rows, and looking up columns by name takes half of the time.
    for row in await connection.execute(query, values):
        id, place_id, author_id, name, origin, text, addressed, reply_to_id, answer, *rest = row
        token_ids, answer_id, photos = rest
        author = people.get(author_id) or people.setdefault(author_id, Person(author_id, name))
        question = Remembered(
            id,
            place_id,
            author,
            origin == Origin.SELF,
            text,
            tuple(Photo(*photo) for _, *photo in sorted(json.loads(photos))) if photos else (),
            addressed,
            reply_to_id,
        )
        if not answer or answer_id is None:  # there is no text yet, or nothing was shown of it
            found.append((question,))
            continue
        # A label that was ranked, not written, has no token ids.
        token_ids = tuple(token_ids) or None
        found.append(
            (question, Remembered(answer_id, place_id, THE_BOT, True, answer, (), True, id, token_ids))
        )
    return found


async def requests(connection: AsyncConnection, where: ColumnElement[bool]) -> list[Request]:
    """The requests that fulfil the condition, oldest first."""
    rows = (await connection.execute(REQUEST.where(where).order_by(RequestRow.id))).all()
    answers: dict[int, list[int]] = {row.id: [] for row in rows}
    for request_id, message_id in await connection.execute(
        select(RequestAnswerRow.request_id, RequestAnswerRow.message_id)
        .where(RequestAnswerRow.request_id.in_(answers))
        .order_by(RequestAnswerRow.request_id, RequestAnswerRow.message_id)
    ):
        answers[request_id].append(message_id)
    return [
        Request(
            id=row.id,
            place=place_of(row),
            asker=Person(row.asker_id, row.name),
            state=RequestState(row.state),
            answer_ids=tuple(answers[row.id]),
            notes=tuple(row.question_notes or ()),
            failure=row.failure,
            device_failures=row.device_failures,
            expected_after=row.expected_after,
            mode=None if row.asked_mode is None else Mode(row.asked_mode),
            version=row.version,
            versions=1 + row.other_versions,
        )
        for row in rows
    ]


def place_of(row: AnyRow) -> Place:
    """From columns `place_id`, `kind`, `server_id` and `parent_id`."""
    return Place(row.place_id, PlaceKind(row.kind), row.server_id, row.parent_id)


def message_of(row: AnyRow, place: Place, author: Person) -> Message:
    """As it arrived, but for the offers: their pictures were kept when it was recorded."""
    return Message(
        id=row.id,
        place=place,
        author=author,
        origin=Origin(row.origin),
        text=row.text,
        mentions_bot=row.mentions_bot,
        reply_to=None if row.reply_to_id is None else Reference(row.reply_to_id, row.replies_to_bot),
    )
