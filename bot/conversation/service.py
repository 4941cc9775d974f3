"""The way of one message: recorded, decided on, answered, shown, and the answer recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.conversation.addressing import Verdict, address, is_conversation
from bot.conversation.admission import Admission
from bot.conversation.answering import Answerer
from bot.conversation.channel_settings import ChannelSettings, History
from bot.conversation.intake import Fetched, Intake, Reception
from bot.conversation.keeping import Example
from bot.conversation.limits import LimitKeeper, Limits
from bot.conversation.messages import (
    Message,
    Origin,
    PhotoOffer,
    Place,
    PlaceKind,
    Remembered,
    SkippedPhoto,
    StoredPhoto,
)
from bot.conversation.notes import NOTHING_SAID, about_pictures
from bot.conversation.personal import Forgotten
from bot.conversation.ports import Audience, PhotoFetcher
from bot.conversation.requests import Outcome, Refusal, Request, RequestState
from bot.conversation.running import Order, Runs
from bot.conversation.sources import Resolved, resolved
from bot.conversation.steering import Steering
from bot.conversation.store import Store
from bot.languages.words import Words, words_in
from inference.surface import Engine

Earlier = Callable[[], Awaitable[Sequence[Message]]]
"""The latest messages before another one of the same place, in any order."""

EDIT_TIME = timedelta(hours=1)
"""After which an edit no longer makes a question of a message: nobody waits for its answer."""


class ReplyService:
    """Answers the messages of any number of chats with one engine; it belongs to one event loop.

    An audience hands over what happens in its chat, and is asked for a view of each answer. An answer is
    one task, which ends with it; there are no others, and `close` waits for all.
    """

    def __init__(
        self,
        store: Store,
        fetcher: PhotoFetcher,
        engine: Engine,
        limits: Limits,
        *,
        base: bool = False,
        defaults: ChannelSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        """Makes a service that does nothing until it is told of something.

        Args:
            base: the model was not trained on turns (see `inference.tasks.conversation`).
            defaults: for what neither thread, channel nor server have set.
            clock: seconds that only grow, for limits and timings.
            on_outcome: is told of each request that is over and recorded.
        """
        self._store = store
        self._defaults = defaults or ChannelSettings()
        self._now = now
        self._fetcher = fetcher
        self._intake = Intake(fetcher)
        self._limits = LimitKeeper(limits, clock)
        self._answerer = Answerer(store, engine, base=base)
        self._runs = Runs(store, self._answerer, self._limits, self.settings, clock, on_outcome)
        self._admission = Admission(store, self._runs, self._limits, limits, now)
        self.steering = Steering(store, self._runs, self._admission, self._order)

    async def receive(
        self,
        message: Message,
        audience: Audience,
        *,
        notes: Sequence[str] = (),
        earlier: Earlier | None = None,
    ) -> Request | Refusal | None:
        """Takes in a message; call it for every one that the chat sees, again if in doubt.

        `notes` are the chat's own sentences for the asker, to be shown with the answer. `earlier` reads what
        was said in the place before; it is called for the first question in a place where all counts.

        Returns once it is recorded and, if it is for the bot, its answer is on its way: the request, or a
        refusal to be told to its author. None: it is not for the bot, or it was received before. Messages of
        one place are taken in one after the other.
        """
        if message.origin is not Origin.PERSON or self._intake.has(message.id):
            return None
        async with self._intake.of(message) as reception:
            return await self._take_in(message, audience, reception, notes, earlier)

    async def edited(self, message: Message, audience: Audience) -> Request | Refusal | None:
        """Like `receive` for a message that was edited or got embeds; if it changed, its answer does too.

        Only that of the latest question: of the conversation, or elsewhere of its author.
        """
        if message.origin is not Origin.PERSON:
            return None
        async with self._intake.of(message) as reception:
            known = await self._store.message(message.id)
            if known is not None and known.text == message.text and len(message.offers) <= len(known.photos):
                return None
            request = await self._store.request_of_question(message.id)
            if request is not None:
                if known is None or request.state is RequestState.FORGOTTEN:
                    return None
                return await self._redo(message, known, request, audience, reception)
            if self._now() - message.created_at < EDIT_TIME:
                return await self._take_in(message, audience, reception)
            if known is not None:
                fetched = await self._intake.fetch(message.offers)
                await self._record(message, fetched, reception, addressed=known.addressed)
            return None

    async def deleted(self, message_id: int) -> None:
        """A message, a person's or the bot's, was deleted in the chat: so it is in the history.

        An answer goes with its question, and as a whole; one that is under way ends as FORGOTTEN. What a view
        takes away while it shows an answer is not meant: that is `Store.remove_answer_message`.
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
        await self._erase_traces()

    async def server_left(self, server_id: int) -> None:
        """The bot is no longer in the server."""
        await self._end_in(lambda place: place.server_id == server_id)
        await self._store.forget_server(server_id)
        await self._erase_traces()

    async def forget_person(self, person_id: int) -> Forgotten:
        """Nothing of what the person said, showed and was answered is kept; returns how much it was.

        Answers under way end. Returns when nothing is left in the store's files either.
        """
        await self._intake.delete(lambda message: message.author.id == person_id)
        await self._runs.forget_of(person_id)
        forgotten = await self._store.forget_person(person_id)
        await self._erase_traces()
        return forgotten

    async def opt_out(self, person_id: int) -> Forgotten:
        """As `forget_person`, but what is being answered; and from now on as in `Store.opt_out`."""
        await self._intake.delete(lambda message: message.author.id == person_id)
        forgotten = await self._store.opt_out(person_id)
        await self._erase_traces()
        return forgotten

    async def _erase_traces(self) -> None:
        self._answerer.forget()
        await self._store.erase_traces()

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being answered."""
        return len(self._runs)

    @property
    def waiting(self) -> int:
        """How many of them have no text yet."""
        return self._runs.waiting

    @property
    def stalled_seconds(self) -> float:
        """For how long no answer has grown or ended although some are in flight."""
        return self._runs.stalled_seconds

    async def settings(self, place: Place) -> ChannelSettings:
        """What counts in a place, resolved."""
        return (await self.resolved(place)).settings

    async def resolved(self, place: Place) -> Resolved:
        """The settings that count in a place, and where each comes from."""
        return resolved(place, await self._store.settings(place), self._defaults)

    async def words(self, place: Place, language: str | None = None) -> Words:
        """The bot's own words in a place; `language` is the reader's, where it is known."""
        return words_in((await self.settings(place)).language, language)

    async def fitting_examples(self, place: Place) -> tuple[list[Example], list[Example]]:
        """The examples that hold in a place: those that the model is shown, and those that are dropped."""
        return await self._answerer.examples(place, await self.settings(place))

    async def fetch_photo(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        """A picture that is no message's, such as an example's."""
        return await self._fetcher.fetch(offer)

    @property
    def line(self) -> list[Request]:
        """Those that wait for their first word, the next one first."""
        return self._runs.line

    async def stop(self, request_id: int) -> bool:
        """Ends a request, waiting or running, and keeps what there is of its answer; False if it is over."""
        return await self._runs.end(request_id, RequestState.STOPPED)

    async def resume(self, audience: Audience) -> int:
        """Answers what was owed to this audience when the program last ended; returns how many there are."""
        owed = [
            (request, await self._order(request.place))
            for request, _ in await self._store.owed_requests()
            if audience.serves(request.place)
        ]
        owed = [(request, order) for request, order in owed if not self._runs.has(request.id)]
        for request, order in owed:
            self._limits.take(request.asker.id, request.place.server_id)
            self._runs.add(replace(request, taken_up=True), audience, order)
        return len(owed)

    async def close(self, grace: float) -> None:
        """Starts nothing more and gives what is under way `grace` seconds; the rest stays owed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._intake.drain(grace))
            group.create_task(self._runs.close(grace))

    async def _end_in(self, is_gone: Callable[[Place], bool]) -> None:
        """Nothing is taken in or answered any more in places that are gone."""
        await self._intake.delete(lambda message: is_gone(message.place))
        await self._runs.abandon(is_gone)

    async def _take_in(
        self,
        message: Message,
        audience: Audience,
        reception: Reception,
        notes: Sequence[str] = (),
        earlier: Earlier | None = None,
    ) -> Request | Refusal | None:
        settings = await self.settings(message.place)
        own = await self._is_own(message.place)
        verdict = address(message, settings, own)
        all_counts = settings.history is History.ALL and not own
        was_asked = all_counts and await self._store.was_asked_in(message.place.id)
        overheard = own or was_asked
        if not verdict.answered:
            if overheard:
                fetched = await self._intake.fetch(message.offers)
                await self._record(message, fetched, reception, addressed=False)
            return None
        if await self._store.request_of_question(message.id) is not None:
            return None
        words = words_in(settings.language, message.language)
        if not message.text.strip() and not message.offers and message.reply_to is None:
            return Refusal(words.said(NOTHING_SAID)) if verdict.meant else None

        async def accept() -> Request | None:
            fetched = await self._intake.fetch(message.offers)
            is_question = verdict is not Verdict.EVERY_PICTURE or bool(fetched.photos)
            if not is_question:
                if overheard:
                    await self._record(message, fetched, reception, addressed=False)
                return None
            if all_counts and not was_asked and earlier is not None:
                await self._remember(await earlier())
            replied_to = await self._fetch_replied_to(message)
            if reception.deleted:
                return None
            about = fetched + replied_to
            request = await self._store.open_request(
                message,
                fetched.photos,
                notes=(*about_pictures(about, words), *notes),
                failure=_failure(about, words),
            )
            return request and self._runs.add(request, audience, Order(own, words=words))

        return await self._admission.admit(
            message.author, message.place, accept, words, exempt=message.by_moderator
        )

    async def _redo(
        self,
        message: Message,
        known: Remembered,
        request: Request,
        audience: Audience,
        reception: Reception,
    ) -> Request | Refusal | None:
        fetched = await self._intake.fetch(message.offers)
        photos = tuple(stored.photo for stored in fetched.photos)
        if known.text == message.text and known.photos == photos:
            return None
        order = await self._order(message.place, message.language)
        if await self._store.was_asked_later(request.id, by_asker=not order.own):
            # What was said since goes on from the answer that there is.
            await self._record(message, fetched, reception, addressed=True)
            return None

        async def accept() -> Request | None:
            await self._runs.end(request.id, RequestState.WAITING)
            if reception.deleted:
                return None
            amended = await self._store.amend_request(
                message,
                fetched.photos,
                notes=about_pictures(fetched, order.words),
                failure=_failure(fetched, order.words),
            )
            return amended and self._runs.add(amended, audience, replace(order, first=False))

        return await self._admission.admit(
            message.author, message.place, accept, order.words, exempt=message.by_moderator
        )

    async def _fetch_replied_to(self, message: Message) -> Fetched:
        """Records the message that is replied to, if it is not known yet; its pictures are the question's."""
        replied_to = message.reply_to.message if message.reply_to is not None else None
        if replied_to is None or replied_to.origin is Origin.SELF:
            return Fetched()
        if await self._store.message(replied_to.id) is not None:
            return Fetched()
        fetched = await self._intake.fetch(replied_to.offers)
        await self._store.record_message(replied_to, fetched.photos, addressed=False)
        return fetched

    async def _remember(self, earlier: Sequence[Message]) -> None:
        """Records what people said before the bot was first asked."""
        said = [message for message in earlier if message.origin is Origin.PERSON]
        with self._intake.along(said) as receptions:
            fetched = await self._intake.fetch_each(said)
            await self._store.record_messages(
                [
                    (reception.message, each.photos)
                    for reception, each in zip(receptions, fetched, strict=True)
                    if not reception.deleted
                ]
            )

    async def _record(
        self, message: Message, fetched: Fetched, reception: Reception, *, addressed: bool
    ) -> None:
        if not reception.deleted:
            await self._store.record_message(message, fetched.photos, addressed=addressed)

    async def _order(self, place: Place, language: str | None = None) -> Order:
        return Order(await self._is_own(place), words=await self.words(place, language))

    async def _is_own(self, place: Place) -> bool:
        own_thread = place.kind is PlaceKind.THREAD and await self._store.is_own_thread(place.id)
        return is_conversation(place, own_thread)


def _failure(fetched: Fetched, words: Words) -> str | None:
    """A question with no usable picture among its pictures is not asked: another one would be described."""
    failed = fetched.skipped and not fetched.photos
    return " ".join(about_pictures(fetched, words)) if failed else None
