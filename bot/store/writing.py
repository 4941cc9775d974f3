"""Inserts and updates that several methods of the store need. Each statement is for any number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.messages import Message, Person, Place, StoredPhoto
from bot.store.forgetting import delete_unheld_photos
from bot.store.tables import (
    Base,
    ChannelRow,
    MessagePhotoRow,
    MessageRow,
    PersonRow,
    PhotoRow,
    ServerRow,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A message that is to be written."""

    message: Message
    photos: Sequence[StoredPhoto]
    addressed: bool


def later(message_id: ColumnElement[int | None] | int) -> ColumnElement[int]:
    """The later of a place's marker and this message."""
    return func.max(func.coalesce(ChannelRow.last_seen_id, 0), message_id)


def _table(row: type[Base]) -> Table:
    return cast(Table, row.__table__)


# Made once: making a statement takes longer than running it.
_SERVERS = insert(_table(ServerRow)).on_conflict_do_nothing()
_PHOTOS = insert(_table(PhotoRow)).on_conflict_do_nothing()
_SHOWN = insert(_table(MessagePhotoRow))

_new = insert(_table(ChannelRow))
_PLACES = _new.on_conflict_do_update(
    index_elements=["id"],
    set_={
        **{name: _new.excluded[name] for name in ("kind", "server_id", "parent_id")},
        "last_seen_id": later(_new.excluded.last_seen_id),
    },
)
_new = insert(_table(PersonRow))
_PEOPLE = _new.on_conflict_do_update(index_elements=["id"], set_={"name": _new.excluded.name})
_new = insert(_table(MessageRow))
_MESSAGES = _new.on_conflict_do_update(
    index_elements=["id"],
    set_={
        **{name: _new.excluded[name] for name in ("text", "mentions_bot", "reply_to_id", "replies_to_bot")},
        "addressed": MessageRow.addressed | _new.excluded.addressed,
    },
)


async def write_places(connection: AsyncConnection, seen: Iterable[tuple[Place, int]]) -> None:
    """Places, each with a message in it that was looked at; the marker never moves back."""
    newest: dict[int, tuple[Place, int]] = {}
    for place, message_id in seen:
        newest[place.id] = (place, max(message_id, newest.get(place.id, (place, 0))[1]))
    servers = {place.server_id for place, _ in newest.values()} - {None}
    if servers:
        await connection.execute(_SERVERS, [{"id": server_id} for server_id in servers])
    await connection.execute(
        _PLACES,
        [
            {
                "id": place.id,
                "kind": place.kind,
                "server_id": place.server_id,
                "parent_id": place.parent_id,
                "last_seen_id": message_id,
            }
            for place, message_id in newest.values()
        ],
    )


async def write_people(connection: AsyncConnection, people: Iterable[Person]) -> None:
    names = {person.id: person.name for person in people}
    await connection.execute(_PEOPLE, [{"id": id, "name": name} for id, name in names.items()])


async def write_whole(connection: AsyncConnection, written: Sequence[Written]) -> None:
    """The messages with their places and their authors; there is at least one."""
    await write_places(connection, [(each.message.place, each.message.id) for each in written])
    await write_people(connection, [each.message.author for each in written])
    await write_messages(connection, written)


async def write_messages(connection: AsyncConnection, written: Sequence[Written]) -> None:
    """The messages as they are now; what was once addressed to the bot stays so. There is at least one."""
    await connection.execute(_MESSAGES, [_columns(each) for each in written])
    latest = {each.message.id: each for each in written}
    before = await _take_photos(connection, list(latest))
    photos = [stored for each in latest.values() for stored in each.photos]
    if photos:
        await write_photos(connection, photos)
        await connection.execute(
            _SHOWN,
            [
                {"message_id": id, "position": position, "sha256": stored.photo.sha256}
                for id, each in latest.items()
                for position, stored in enumerate(each.photos)
            ],
        )
    if gone := before - {stored.photo.sha256 for stored in photos}:
        await delete_unheld_photos(connection, PhotoRow.sha256.in_(gone))


def _columns(written: Written) -> dict[str, Any]:
    message, reply = written.message, written.message.reply_to
    return {
        "id": message.id,
        "place_id": message.place.id,
        "author_id": message.author.id,
        "origin": message.origin,
        "addressed": written.addressed,
        "text": message.text,
        "mentions_bot": message.mentions_bot,
        "reply_to_id": None if reply is None else reply.message_id,
        "replies_to_bot": reply is not None and reply.to_bot,
    }


async def _take_photos(connection: AsyncConnection, message_ids: Sequence[int]) -> set[str]:
    """What the messages showed so far, which they do not show any more."""
    shown = MessagePhotoRow.message_id.in_(message_ids)
    before = set(await connection.scalars(select(MessagePhotoRow.sha256).where(shown)))
    if before:
        await connection.execute(delete(MessagePhotoRow).where(shown))
    return before


async def write_photos(connection: AsyncConnection, photos: Sequence[StoredPhoto]) -> None:
    """Pictures that something is about to show; there is at least one."""
    await connection.execute(
        _PHOTOS,
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
