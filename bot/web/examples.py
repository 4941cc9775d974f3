"""The examples of a conversation in the browser, for the task `few-shot`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.conversation.few_shot import MAX_EXAMPLES
from bot.conversation.inputs import UnusableInputError, read_answer
from bot.conversation.keeping import Owners
from bot.conversation.messages import Place, Scope, SkippedPhoto
from bot.conversation.notes import about_skipped
from bot.conversation.service import ReplyService
from bot.conversation.store import Store
from bot.languages.words import words_in
from bot.web.refusing import Refused
from bot.web.sessions import Session
from bot.web.uploads import read_form
from bot.web.wording import language_of
from inference.pictures import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Examples:
    """The calls that add and remove them; each answers with all that there are."""

    service: ReplyService
    store: Store
    decoders: ThreadPoolExecutor

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/examples", self.add),
            web.delete("/examples/{id:[0-9]{1,18}}", self.remove),
        ]

    async def add(self, request: web.Request) -> web.Response:
        """A form: `photo` and `answer`."""
        session = Session.required(request)
        place, person = session.place, session.person
        form = await read_form(request, self.decoders, max_bytes=MAX_BYTES)
        if not form.photos:
            raise Refused(400, "An example needs a picture: add one.")
        photo = form.photos[0]
        words = words_in(language_of(request))
        if isinstance(photo, SkippedPhoto):
            raise Refused(400, about_skipped(photo, words))
        try:
            answer = read_answer(form.texts.get("answer", ""), words)
        except UnusableInputError as error:
            raise Refused(400, str(error)) from error
        if len(await self.store.examples(place.scopes)) >= MAX_EXAMPLES:
            raise Refused(409, "There are {most} examples: remove one first.", most=MAX_EXAMPLES)
        await self.store.add_example(Scope(place.id), photo, answer, Owners(person.id, person.id))
        return web.json_response(await shown_examples(self.service, place), status=201)

    async def remove(self, request: web.Request) -> web.Response:
        place = Session.required(request).place
        if not await self.store.remove_example(Scope(place.id), int(request.match_info["id"])):
            raise Refused(404, "There is no such example.")
        return web.json_response(await shown_examples(self.service, place))


async def shown_examples(service: ReplyService, place: Place) -> list[dict[str, Any]]:
    """Oldest first, ready for JSON; `dropped` are those that the model has no room for."""
    shown, dropped = await service.fitting_examples(place)
    return [
        {
            "id": str(example.id),
            "sha256": example.photo.sha256,
            "answer": example.answer,
            "dropped": example in dropped,
        }
        for example in (*dropped, *shown)
    ]
