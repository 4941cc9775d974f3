"""Deletes what people take back, with whatever is left without a holder."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.requests import RequestState
from bot.store.outcomes import NO_OUTCOME, OWED
from bot.store.tables import (
    ChannelRow,
    ExampleRow,
    FeedbackRow,
    MessagePhotoRow,
    MessageRow,
    PersonRow,
    PhotoRow,
    RequestAnswerRow,
    RequestRow,
    ServerRow,
    SettingsRow,
)
from bot.store.versions import forget_versions


async def forget_message(connection: AsyncConnection, message_id: int) -> None:
    """A person's message and its answer's text; or one of the bot's and with it the answer it is a part of.

    Of an answer that is owed, losing a message loses nothing: the answer is still being written.
    """
    photos = await photos_of(connection, message_id)
    photos |= set(await forget_examples(connection, ExampleRow.message_id == message_id))
    author = await connection.scalar(select(MessageRow.author_id).where(MessageRow.id == message_id))
    answered = select(RequestAnswerRow.request_id).where(RequestAnswerRow.message_id == message_id)
    forgotten = (RequestRow.id == message_id) | (RequestRow.id.in_(answered) & RequestRow.state.not_in(OWED))
    await forget_versions(connection, forgotten)
    reacted_to = select(RequestRow.id).where(forgotten)
    await connection.execute(delete(FeedbackRow).where(FeedbackRow.request_id.in_(reacted_to)))
    await connection.execute(
        update(RequestRow)
        .where(forgotten)
        .values(state=RequestState.FORGOTTEN, question_notes=None, failure=None, **NO_OUTCOME)
    )
    await forget_answer_message(connection, message_id)
    await connection.execute(delete(MessageRow).where(MessageRow.id == message_id))
    await delete_unheld(connection, PhotoRow.sha256.in_(photos), PersonRow.id == author)


async def forget_answer_message(connection: AsyncConnection, message_id: int) -> None:
    await connection.execute(delete(RequestAnswerRow).where(RequestAnswerRow.message_id == message_id))


async def forget_examples(connection: AsyncConnection, where: ColumnElement[bool]) -> list[str]:
    """Deletes examples; returns the hashes of their pictures, which are yet to be deleted."""
    return list(await connection.scalars(delete(ExampleRow).where(where).returning(ExampleRow.sha256)))


async def forget_place(connection: AsyncConnection, place_id: int) -> None:
    """A channel with its threads, or a thread, and all that hangs on it."""
    where = (ChannelRow.id == place_id) | (ChannelRow.parent_id == place_id)
    ids = [place_id, *await connection.scalars(select(ChannelRow.id).where(where))]
    await forget_set(connection, ids)
    await connection.execute(delete(ChannelRow).where(where))
    await delete_unheld(connection, true(), true())


async def forget_server(connection: AsyncConnection, server_id: int) -> None:
    for row in (SettingsRow, ExampleRow, ChannelRow):
        await connection.execute(delete(row).where(row.server_id == server_id))
    await connection.execute(delete(ServerRow).where(ServerRow.id == server_id))
    await delete_unheld(connection, true(), true())


async def forget_set(connection: AsyncConnection, place_ids: Sequence[int]) -> None:
    """What was set in these places."""
    for row in (SettingsRow, ExampleRow):
        here = row.scope_id.in_(place_ids) & row.is_server.is_(False)
        await connection.execute(delete(row).where(here))


async def photos_of(connection: AsyncConnection, message_id: int) -> set[str]:
    """The pictures of a message, by hash."""
    hashes = select(MessagePhotoRow.sha256).where(MessagePhotoRow.message_id == message_id)
    return set(await connection.scalars(hashes))


async def delete_unheld_photos(connection: AsyncConnection, among: ColumnElement[bool]) -> int:
    """Those of the pictures that neither a message nor an example shows; returns how many."""
    deleted = await connection.execute(
        delete(PhotoRow).where(
            among,
            ~exists().where(MessagePhotoRow.sha256 == PhotoRow.sha256),
            ~exists().where(ExampleRow.sha256 == PhotoRow.sha256),
        )
    )
    return deleted.rowcount


async def delete_unheld(
    connection: AsyncConnection, photos: ColumnElement[bool], people: ColumnElement[bool]
) -> int:
    """Those of the pictures, and those of the people, of whom nothing is left; returns how many pictures."""
    deleted = await delete_unheld_photos(connection, photos)
    await connection.execute(
        delete(PersonRow).where(
            people,
            ~exists().where(MessageRow.author_id == PersonRow.id),
            ~exists().where(RequestRow.asker_id == PersonRow.id),
        )
    )
    return deleted
