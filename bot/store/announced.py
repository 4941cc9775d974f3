"""Questions by command that are shown already and not yet taken in."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.conversation.keeping import Announced, AnnouncedStore
from bot.store.database import Database
from bot.store.tables import AnnouncedRow


class SqlAnnounced(AnnouncedStore):
    _database: Database

    async def keep_announced(self, announced: Announced) -> None:
        values = {
            "message_id": announced.message_id,
            "place_id": announced.place_id,
            "language": announced.language,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(AnnouncedRow).values(**values).on_conflict_do_nothing())

    async def forget_announced(self, message_id: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(AnnouncedRow).where(AnnouncedRow.message_id == message_id))

    async def announced(self) -> list[Announced]:
        query = select(AnnouncedRow.__table__).order_by(AnnouncedRow.message_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [Announced(row.message_id, row.place_id, row.language) for row in rows]
