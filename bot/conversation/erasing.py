"""Takes back what is kept: from what is under way, from the store and its files, and from what is at hand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from bot.conversation.answering import Answerer
from bot.conversation.intake import Intake
from bot.conversation.messages import Place
from bot.conversation.personal import Amount
from bot.conversation.requests import RequestState
from bot.conversation.running import Runs
from bot.conversation.store import Store

log = logging.getLogger(__name__)


class Eraser:
    """What was deleted, left, expired or is to be forgotten. A method returns when it is gone everywhere."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        runs: Runs,
        answerer: Answerer,
        retention_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.retention_days = retention_days
        """How long what is said is kept where a server has not set it."""
        self._store = store
        self._intake = intake
        self._runs = runs
        self._answerer = answerer
        self._now = now

    async def deleted(self, message_id: int) -> None:
        """A message, a person's or the bot's, was deleted in the chat: so it is in the history.

        An answer goes with its question, and as a whole; one that is under way ends as FORGOTTEN. What a view
        takes away while it shows an answer is not meant: that is `Store.remove_answer_message`.

        Traces are left until `forget_expired` is called.
        """
        await self._intake.delete(lambda message: message.id == message_id)
        request = await self._store.request_of_question(message_id)
        if request is None:
            request = await self._store.request_of_answer(message_id)
        if request is not None:
            await self._runs.end(request.id, RequestState.FORGOTTEN)
        await self._store.forget_message(message_id)

    async def place_deleted(self, place_id: int) -> None:
        """A channel with its threads, or a thread, is gone from the chat, with all that was said there."""
        await self._end_in(lambda place: place_id in (place.id, place.parent_id))
        await self._store.forget_place(place_id)
        await self.erase_traces()

    async def server_left(self, server_id: int) -> None:
        """The bot is no longer in the server."""
        await self._end_in(lambda place: place.server_id == server_id)
        await self._store.forget_server(server_id)
        await self.erase_traces()

    async def forget_person(self, person_id: int, *, own_place: int | None = None) -> Amount:
        """Nothing of what the person said, showed and was answered is kept; returns how much it was.

        Answers under way end. `own_place`: see `PersonalStore.forget_person`.
        """
        await self._intake.delete(lambda message: message.author.id == person_id)
        await self._runs.forget_of(person_id)
        forgotten = await self._store.forget_person(person_id, own_place=own_place)
        await self.erase_traces()
        return forgotten

    async def opt_out(self, person_id: int) -> Amount:
        """As `forget_person`, but what is being answered; and from now on as in `PersonalStore.opt_out`."""
        await self._intake.delete(lambda message: message.author.id == person_id)
        forgotten = await self._store.opt_out(person_id)
        await self.erase_traces()
        return forgotten

    async def forget_expired(self) -> Amount:
        """Forgets what has been kept for as long as it may be, and the traces of all that was deleted."""
        forgotten = await self._store.forget_expired(self._now(), self.retention_days)
        await self.erase_traces()
        if forgotten != Amount():
            log.info(
                "Forgot %d messages, %d pictures and %d answers, which were kept for long enough",
                forgotten.messages,
                forgotten.photos,
                forgotten.answers,
            )
        return forgotten

    async def erase_traces(self) -> None:
        """What was deleted is in no file any more, and neither at hand nor in the engine."""
        await self._answerer.forget()
        await self._store.erase_traces()

    async def _end_in(self, is_gone: Callable[[Place], bool]) -> None:
        """Nothing is taken in or answered any more in places that are gone."""
        await self._intake.delete(lambda message: is_gone(message.place))
        await self._runs.abandon(is_gone)
