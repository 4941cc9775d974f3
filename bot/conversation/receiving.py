"""Taking a message in: it is recorded, decided on, and its answer put on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.conversation.addressing import Verdict, address
from bot.conversation.admission import Admission
from bot.conversation.answering import Manner
from bot.conversation.channel_settings import History
from bot.conversation.intake import Fetched, Intake, Reception
from bot.conversation.messages import Message, Origin, Remembered
from bot.conversation.notes import NOTHING_SAID, about_pictures
from bot.conversation.places import Places
from bot.conversation.ports import Audience
from bot.conversation.requests import Refusal, Request, RequestState
from bot.conversation.running import Runs
from bot.conversation.store import Store
from bot.languages.words import Words, words_in

Earlier = Callable[[], Awaitable[Sequence[Message]]]
"""The latest messages before another one of the same place, in any order."""

EDIT_TIME = timedelta(hours=1)
"""After which an edit no longer makes a question of a message: nobody waits for its answer."""


class Receiver:
    def __init__(
        self,
        store: Store,
        intake: Intake,
        places: Places,
        admission: Admission,
        runs: Runs,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._intake = intake
        self._places = places
        self._admission = admission
        self._runs = runs
        self._now = now

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
            if known is not None and known.text == message.text and len(message.offers) == len(known.photos):
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

    async def _take_in(
        self,
        message: Message,
        audience: Audience,
        reception: Reception,
        notes: Sequence[str] = (),
        earlier: Earlier | None = None,
    ) -> Request | Refusal | None:
        settings = await self._places.settings(message.place)
        own = await self._places.is_own(message.place)
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
        if _says_nothing(message):
            return Refusal(words.said(NOTHING_SAID)) if verdict.meant else None

        async def accept() -> Request | None:
            fetched = await self._intake.fetch(message.offers)
            is_question = verdict is not Verdict.EVERY_PICTURE or bool(fetched.photos)
            if not is_question:
                if overheard:
                    await self._record(message, fetched, reception, addressed=False)
                return None
            if all_counts and not was_asked and earlier is not None:
                # Not what was looked at once already: it was perhaps forgotten since.
                seen = await self._store.seen_up_to(message.place.id)
                await self._remember([one for one in await earlier() if one.id > seen])
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
            return request and self._runs.add(request, audience, Manner(own, words=words))

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
        manner = await self._places.manner(message.place, message.language)
        if _says_nothing(message):
            await self._record(message, fetched, reception, addressed=True)
            return Refusal(manner.words.said(NOTHING_SAID))
        if await self._store.was_asked_later(request.id, by_asker=not manner.own):
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
                notes=about_pictures(fetched, manner.words),
                failure=_failure(fetched, manner.words),
            )
            return amended and self._runs.add(amended, audience, replace(manner, first=False))

        return await self._admission.admit(
            message.author, message.place, accept, manner.words, exempt=message.by_moderator
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


def _says_nothing(message: Message) -> bool:
    return not message.text.strip() and not message.offers and message.reply_to is None


def _failure(fetched: Fetched, words: Words) -> str | None:
    """A question with no usable picture among its pictures is not asked: another one would be described."""
    failed = fetched.skipped and not fetched.photos
    return " ".join(about_pictures(fetched, words)) if failed else None
