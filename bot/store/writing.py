"""Inserts and updates that several methods of the store need."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.messages import Message, Person, Place, StoredPhoto
from bot.store.forgetting import delete_unheld_photos
from bot.store.tables import ChannelRow, MessagePhotoRow, MessageRow, PersonRow, PhotoRow, ServerRow


async def write_place(connection: AsyncConnection, place: Place, *, seen: int) -> None:
    """`seen` is a message in it that was looked at; the marker never moves back."""
    if place.server_id is not None:
        await connection.execute(insert(ServerRow).values(id=place.server_id).on_conflict_do_nothing())
    facts = {"kind": place.kind, "server_id": place.server_id, "parent_id": place.parent_id}
    new = insert(ChannelRow).values(id=place.id, last_seen_id=seen, **facts)
    await connection.execute(
        new.on_conflict_do_update(set_=facts | {"last_seen_id": later(new.excluded.last_seen_id)})
    )


def later(message_id: ColumnElement[int | None] | int) -> ColumnElement[int]:
    """The later of a place's marker and this message."""
    return func.max(func.coalesce(ChannelRow.last_seen_id, 0), message_id)


async def write_person(connection: AsyncConnection, person: Person) -> None:
    await connection.execute(
        insert(PersonRow)
        .values(id=person.id, name=person.name)
        .on_conflict_do_update(set_={"name": person.name})
    )


async def write_whole(
    connection: AsyncConnection, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
) -> None:
    """The message with its place and its author."""
    await write_place(connection, message.place, seen=message.id)
    await write_person(connection, message.author)
    await write_message(connection, message, photos, addressed=addressed)


async def write_message(
    connection: AsyncConnection, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
) -> None:
    """The message as it is now; what was once addressed to the bot stays so."""
    reply = message.reply_to
    facts = {
        "text": message.text,
        "mentions_bot": message.mentions_bot,
        "reply_to_id": None if reply is None else reply.message_id,
        "replies_to_bot": reply is not None and reply.to_bot,
    }
    new = insert(MessageRow).values(
        id=message.id,
        place_id=message.place.id,
        author_id=message.author.id,
        origin=message.origin,
        addressed=addressed,
        **facts,
    )
    await connection.execute(
        new.on_conflict_do_update(set_=facts | {"addressed": MessageRow.addressed | new.excluded.addressed})
    )
    shown = delete(MessagePhotoRow).where(MessagePhotoRow.message_id == message.id)
    before = set(await connection.scalars(shown.returning(MessagePhotoRow.sha256)))
    if photos:
        await write_photos(connection, photos)
        await connection.execute(
            insert(MessagePhotoRow),
            [
                {"message_id": message.id, "position": position, "sha256": stored.photo.sha256}
                for position, stored in enumerate(photos)
            ],
        )
    if gone := before - {stored.photo.sha256 for stored in photos}:
        await delete_unheld_photos(connection, PhotoRow.sha256.in_(gone))


async def write_photos(connection: AsyncConnection, photos: Sequence[StoredPhoto]) -> None:
    """Pictures that something is about to show; there is at least one."""
    await connection.execute(
        insert(PhotoRow).on_conflict_do_nothing(),
        [
            {
                "sha256": stored.photo.sha256,
                "width": stored.photo.width,
                "height": stored.photo.height,
                "data": stored.data,
            }
            for stored in photos
        ],
    )
