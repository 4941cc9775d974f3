"""Examples of threads, channels and servers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, insert, select

from bot.conversation.keeping import Example, ExampleStore, Owners
from bot.conversation.messages import Photo, Scope, StoredPhoto
from bot.store.database import Database
from bot.store.forgetting import delete_unheld_photos
from bot.store.tables import ExampleRow, PhotoRow
from bot.store.writing import write_photos


class SqlExamples(ExampleStore):
    _database: Database

    async def add_example(self, scope: Scope, photo: StoredPhoto, answer: str, owners: Owners) -> int:
        async with self._database.writing() as connection:
            await write_photos(connection, [photo])
            added = await connection.execute(
                insert(ExampleRow).values(
                    scope_id=scope.id,
                    is_server=scope.is_server,
                    server_id=scope.server_id,
                    sha256=photo.photo.sha256,
                    answer=answer,
                    shown_by=owners.shown_by,
                    written_by=owners.written_by,
                    message_id=owners.message_id,
                )
            )
            [example_id] = added.inserted_primary_key or [0]
            return int(example_id)

    async def examples(self, scopes: Sequence[Scope]) -> list[Example]:
        query = select(
            ExampleRow.id,
            ExampleRow.scope_id,
            ExampleRow.is_server,
            ExampleRow.answer,
            PhotoRow.sha256,
            PhotoRow.width,
            PhotoRow.height,
        ).join(PhotoRow, PhotoRow.sha256 == ExampleRow.sha256)
        found: dict[Scope, list[Example]] = {}
        async with self._database.reading() as connection:
            for row in await connection.execute(
                query.where(ExampleRow.scope_id.in_([scope.id for scope in scopes])).order_by(ExampleRow.id)
            ):
                example = Example(row.id, Photo(row.sha256, row.width, row.height), row.answer)
                found.setdefault(Scope(row.scope_id, row.is_server), []).append(example)
        return next((found[scope] for scope in scopes if scope in found), [])

    async def remove_example(self, scope: Scope, example_id: int) -> bool:
        return await self._remove(_of(scope) & (ExampleRow.id == example_id)) == 1

    async def clear_examples(self, scope: Scope) -> int:
        return await self._remove(_of(scope))

    async def _remove(self, where: ColumnElement[bool]) -> int:
        async with self._database.writing() as connection:
            removed = await connection.scalars(delete(ExampleRow).where(where).returning(ExampleRow.sha256))
            hashes = removed.all()
            await delete_unheld_photos(connection, PhotoRow.sha256.in_(hashes))
        return len(hashes)


def _of(scope: Scope) -> ColumnElement[bool]:
    return (ExampleRow.scope_id == scope.id) & ExampleRow.is_server.is_(scope.is_server)
