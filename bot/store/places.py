"""Where things are said, and what is set there."""

from __future__ import annotations

from sqlalchemy import exists, literal, select, union, update
from sqlalchemy.dialects.sqlite import insert

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.messages import Place, Scope
from bot.conversation.store import PlaceStore
from bot.store import forgetting
from bot.store.database import Database
from bot.store.reading import PLACE, SETTINGS, place_of
from bot.store.tables import ChannelRow, ExampleRow, OwnThreadRow, RequestRow, ServerRow, SettingsRow
from bot.store.writing import later, write_places


class SqlPlaces(PlaceStore):
    _database: Database

    async def settings(self, place: Place) -> list[ChannelSettings]:
        ids = [scope.id for scope in place.scopes]
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(SettingsRow.__table__).where(SettingsRow.scope_id.in_(ids))
            )
            stored = {
                Scope(row.scope_id, row.is_server): SETTINGS.validate_python(row.settings) for row in rows
            }
        return [stored.get(scope, ChannelSettings()) for scope in place.scopes]

    async def change_settings(self, scope: Scope, settings: ChannelSettings) -> None:
        values = {
            "server_id": scope.server_id,
            "settings": SETTINGS.dump_python(settings, mode="json", exclude_none=True),
        }
        async with self._database.writing() as connection:
            await connection.execute(
                insert(SettingsRow)
                .values(scope_id=scope.id, is_server=scope.is_server, **values)
                .on_conflict_do_update(set_=values)
            )

    async def adopt_thread(self, thread: Place, request_id: int) -> None:
        opening = select(literal(thread.id), RequestRow.id).where(RequestRow.id == request_id)
        async with self._database.writing() as connection:
            await write_places(connection, [(thread, thread.id)])
            await connection.execute(
                insert(OwnThreadRow)
                .from_select(["thread_id", "request_id"], opening)
                .on_conflict_do_nothing()
            )

    async def is_own_thread(self, place_id: int) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().where(OwnThreadRow.thread_id == place_id))))

    async def seen_places(self) -> list[tuple[Place, int]]:
        """Those with the newest messages come first."""
        seen = select(*PLACE, ChannelRow.last_seen_id).where(ChannelRow.last_seen_id.is_not(None))
        async with self._database.reading() as connection:
            rows = await connection.execute(seen.order_by(ChannelRow.last_seen_id.desc()))
            return [(place_of(row), row.last_seen_id) for row in rows]

    async def seen_up_to(self, place_id: int) -> int:
        async with self._database.reading() as connection:
            query = select(ChannelRow.last_seen_id).where(ChannelRow.id == place_id)
            return await connection.scalar(query) or 0

    async def mark_seen(self, place_id: int, message_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(ChannelRow).where(ChannelRow.id == place_id).values(last_seen_id=later(message_id))
            )

    async def forget_place(self, place_id: int) -> None:
        """A channel with its threads, or a thread: everything in it."""
        async with self._database.writing() as connection:
            await forgetting.forget_place(connection, place_id)

    async def servers(self) -> list[int]:
        columns = ServerRow.id, SettingsRow.server_id, ExampleRow.server_id
        query = union(*(select(column).where(column.is_not(None)) for column in columns))
        async with self._database.reading() as connection:
            return list(await connection.scalars(query))

    async def forget_server(self, server_id: int) -> None:
        """A server with everything in it."""
        async with self._database.writing() as connection:
            await forgetting.forget_server(connection, server_id)
