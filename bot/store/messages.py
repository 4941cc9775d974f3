"""What was said, and the pictures in it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select, update

from bot.conversation.messages import Message, Origin, Place, Remembered, StoredPhoto
from bot.conversation.requests import RequestState
from bot.conversation.store import MessageStore
from bot.store import forgetting, history
from bot.store.database import Database
from bot.store.outcomes import OWED
from bot.store.personal import who_opted_out
from bot.store.reading import ANSWERED_BY, ANY_MESSAGE, exchanges
from bot.store.tables import (
    ChannelRow,
    ExampleRow,
    MessagePhotoRow,
    MessageRow,
    PhotoRow,
    RequestAnswerRow,
    RequestRow,
)
from bot.store.together import Together
from bot.store.writing import Written, write_whole


class SqlMessages(MessageStore):
    _database: Database
    _recording: Together[Written, None]

    async def record_message(
        self, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
    ) -> None:
        await self._recording.add(Written(message, photos, addressed))

    async def record_messages(self, said: Sequence[tuple[Message, Sequence[StoredPhoto]]]) -> None:
        await self._record([Written(message, photos, addressed=False) for message, photos in said])

    async def _record(self, said: Sequence[Written]) -> Sequence[None]:
        """Those that may be kept, in one transaction."""
        async with self._database.writing() as connection:
            opted_out = await who_opted_out(connection, {each.message.author.id for each in said})
            kept = [each for each in said if each.message.author.id not in opted_out]
            if own := [each.message.id for each in kept if each.message.origin is Origin.SELF]:
                # A part of an answer is kept with its request.
                parts = select(RequestAnswerRow.message_id).where(RequestAnswerRow.message_id.in_(own))
                known = set(await connection.scalars(parts))
                kept = [each for each in kept if each.message.id not in known]
            if kept:
                await write_whole(connection, kept)
        return [None] * len(said)

    async def history(self, place: Place, before: int, limit: int) -> list[Remembered]:
        async with self._database.reading() as connection:
            return await history.history(connection, place, before, limit)

    async def newest_with_photo(self, place: Place, before: int, within: int) -> list[Remembered]:
        async with self._database.reading() as connection:
            return await history.newest_with_photo(connection, place, before, within)

    async def message(self, message_id: int) -> Remembered | None:
        """A message, or the answer that this message of the bot's holds a part of."""
        values = {"message": message_id}
        async with self._database.reading() as connection:
            for exchange in await exchanges(connection, ANY_MESSAGE, values):
                return exchange[0]
            for exchange in await exchanges(connection, ANSWERED_BY, values):
                return next((one for one in exchange if one.by_bot), None)
        return None

    async def message_ids(self, place_id: int, before: int, limit: int) -> list[int]:
        finished = RequestRow.state.not_in((RequestState.FORGOTTEN, *OWED))
        asked = select(RequestRow.id).where(RequestRow.place_id == place_id, finished)
        found: set[int] = set()
        async with self._database.reading() as connection:
            for column, where in (
                (MessageRow.id, MessageRow.place_id == place_id),
                (RequestAnswerRow.message_id, RequestAnswerRow.request_id.in_(asked)),
                (ExampleRow.message_id, (ExampleRow.scope_id == place_id) & ExampleRow.is_server.is_(False)),
            ):
                query = select(column).where(where, column < before).order_by(column.desc()).limit(limit)
                found.update(await connection.scalars(query))
        return sorted(found)[-limit:]

    async def photo_data(self, sha256: str) -> bytes | None:
        async with self._database.reading() as connection:
            return await connection.scalar(select(PhotoRow.data).where(PhotoRow.sha256 == sha256))

    async def shows_photo(self, place_id: int, sha256: str) -> bool:
        shown = exists().where(
            MessagePhotoRow.sha256 == sha256,
            MessageRow.id == MessagePhotoRow.message_id,
            MessageRow.place_id == place_id,
        )
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(shown)))

    async def clear_history(self, place_id: int, at: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(ChannelRow).where(ChannelRow.id == place_id).values(cleared_at=at)
            )

    async def forget_message(self, message_id: int) -> None:
        """Of an answer in several messages, each takes the whole with it, unless it is owed."""
        async with self._database.writing() as connection:
            await forgetting.forget_message(connection, message_id)
