"""The playground: a page to talk about pictures in, and what that page calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.inputs import UnusableInputError, checked_labels
from bot.conversation.messages import Message, Origin, Place, Scope, SkippedPhoto
from bot.conversation.requests import Refusal, Request
from bot.conversation.service import ReplyService
from bot.conversation.store import Store
from bot.languages.words import Words, words_in
from bot.web.boards import Board, Boards, Event
from bot.web.examples import Examples, shown_examples
from bot.web.privacy import OwnData
from bot.web.refusing import Refused
from bot.web.samples import sample_drawing
from bot.web.serving import STATIC, application, page
from bot.web.sessions import Session
from bot.web.shown import Question
from bot.web.snowflakes import Snowflakes
from bot.web.transcript import AFTER_ALL, MOST_MESSAGES, transcript
from bot.web.uploads import Form, HeldPhotos, read_form
from bot.web.wording import catalogue, language_of
from inference.pictures import MAX_BYTES

MAX_CHARACTERS = 8_000
HEARTBEAT_S = 15.0
"""How long an event stream is silent at most; a page that has gone is noticed when it is written to."""


@dataclass(frozen=True, slots=True)
class Playground:
    """What the handlers work with."""

    service: ReplyService
    store: Store
    photos: HeldPhotos
    """The fetcher that `service` has."""
    boards: Boards
    snowflakes: Snowflakes
    model: str
    """As it is named to people."""
    decoders: ThreadPoolExecutor

    def application(self, host: str, token: str | None = None) -> web.Application:
        """The page and its calls, to be served at `host`; with a `token`, to those who have it."""
        app = application(host, token)
        app.on_shutdown.append(self._close)
        app.add_routes(
            [
                web.get("/", self.page),
                web.get("/events", self.events),
                web.get("/words", catalogue),
                web.post("/messages", self.ask),
                web.post("/requests/{id:[0-9]{1,19}}/stop", self.stop),
                web.post("/requests/{id:[0-9]{1,19}}/regenerate", self.regenerate),
                web.post("/requests/{id:[0-9]{1,19}}/continue", self.continue_answer),
                web.post("/requests/{id:[0-9]{1,19}}/versions/{version:[0-9]{1,9}}", self.show_version),
                *Examples(self.service, self.store, self.decoders).routes(),
                *OwnData(self.service, self.store, self.boards).routes(),
                web.delete("/conversation", self.forget),
                web.get("/photos/{sha256:[0-9a-f]{64}}", self.photo),
                web.get("/samples/{seed:[0-9]{1,9}}.png", self.sample),
                web.static("/static", STATIC),
            ]
        )
        return app

    async def _close(self, _app: web.Application) -> None:
        self.boards.close()

    async def page(self, request: web.Request) -> web.FileResponse:
        response = page("index.html")
        (Session.of(request) or Session.new()).keep_in(response)
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The conversation as it is, then every change: server-sent events, each replacing what it names."""
        session = Session.required(request)
        board = self.boards.of(session.place.id)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        try:
            async for name, data in self._changes(board, session.place):
                await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        except ConnectionResetError:
            pass  # the page was closed
        return response

    async def _changes(self, board: Board, place: Place) -> AsyncIterator[Event]:
        # Subscribed first: what changes meanwhile comes once more rather than never.
        with board.subscribed() as subscription:
            whole = await transcript(self.store, board, place, await self.service.settings(place))
            examples = await shown_examples(self.service, place)
            yield "conversation", {"model": self.model, "examples": examples, **whole}
            while not subscription.closed:
                events = await subscription.changes(within=HEARTBEAT_S)
                for event in events or [("heartbeat", {})]:
                    yield event

    async def ask(self, request: web.Request) -> web.Response:
        """A form: `text`, any number of `photo`, and of the task `mode`, `labels` (a JSON list), `prefix`."""
        session = Session.required(request)
        form = await read_form(request, self.decoders, max_bytes=MAX_BYTES)
        text = form.texts.get("text", "").strip()
        if not text and not form.photos:
            raise Refused(400, "Write something or add a picture.")
        if len(text) > MAX_CHARACTERS:
            raise Refused(
                413, "That is too long: at most {most} characters are possible.", most=MAX_CHARACTERS
            )
        await self._change_settings(session.place, form, words_in(language_of(request)))
        board = self.boards.of(session.place.id)
        kept = tuple(one.photo for one in form.photos if not isinstance(one, SkippedPhoto))
        question = Question(self.snowflakes.next(), text, kept)
        with self.photos.hold(form.photos) as offers:
            board.asked[question.id] = question
            try:
                result = await self.service.receive(
                    Message(
                        question.id,
                        session.place,
                        session.person,
                        Origin.PERSON,
                        text,
                        offers,
                        language=language_of(request),
                    ),
                    self.boards,
                )
            finally:
                board.asked.pop(question.id, None)
        return _accepted(result)

    async def stop(self, request: web.Request) -> web.Response:
        owned = await self._owned(request)
        await self.service.stop(owned.id)
        return web.Response(status=204)

    async def regenerate(self, request: web.Request) -> web.Response:
        owned = await self._owned(request)
        steering, language = self.service.steering, language_of(request)
        return _accepted(await steering.regenerate(owned.id, self.boards, language=language))

    async def continue_answer(self, request: web.Request) -> web.Response:
        owned = await self._owned(request)
        steering, language = self.service.steering, language_of(request)
        return _accepted(await steering.continue_answer(owned.id, self.boards, language=language))

    async def show_version(self, request: web.Request) -> web.Response:
        owned, version = await self._owned(request), int(request.match_info["version"])
        if not await self.service.steering.show_version(owned.id, version, self.boards):
            raise Refused(404, "There is no such answer.")
        return web.Response(status=204)

    async def forget(self, request: web.Request) -> web.Response:
        """The conversation is gone, from the store too: nobody could open it any more."""
        session = Session.required(request)
        board = self.boards.of(session.place.id)
        while questions := [
            message.id
            for message in await self.store.history(session.place, AFTER_ALL, MOST_MESSAGES)
            if not message.by_bot
        ]:
            for question in questions:
                await self.service.erasing.deleted(question)
                board.forget(question)
        await self.service.erasing.erase_traces()
        return web.Response(status=204)

    async def photo(self, request: web.Request) -> web.Response:
        """A picture of this conversation: those of others are not given out to who knows their hash."""
        session, sha256 = Session.required(request), request.match_info["sha256"]
        shown = await self.store.shows_photo(session.place.id, sha256) or any(
            example.photo.sha256 == sha256 for example in await self.store.examples(session.place.scopes)
        )
        data = await self.store.photo_data(sha256) if shown else None
        if data is None:
            raise Refused(404, "There is no such picture.")
        return web.Response(
            body=data,
            content_type="image/png" if data.startswith(b"\x89PNG") else "image/webp",
            headers={"Cache-Control": "private, max-age=31536000, immutable"},
        )

    async def sample(self, request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self.decoders, sample_drawing, int(request.match_info["seed"]))
        return web.Response(
            body=data, content_type="image/png", headers={"Cache-Control": "private, max-age=86400"}
        )

    async def _owned(self, request: web.Request) -> Request:
        """The request that the address names, if it is of this session."""
        session = Session.required(request)
        found = await self.store.request_of_question(min(int(request.match_info["id"]), AFTER_ALL))
        if found is None or found.place != session.place:
            raise Refused(404, "There is no such question.")
        return found

    async def _change_settings(self, place: Place, form: Form, words: Words) -> None:
        own = (await self.store.settings(place) or [ChannelSettings()])[0]
        try:
            mode = Mode(form.texts["mode"]) if "mode" in form.texts else own.mode
            labels = _labels(form.texts["labels"]) if "labels" in form.texts else own.labels or ()
            # The page sends what is written there, also while it is half written and another task is chosen.
            kept = checked_labels(labels, words) if mode is Mode.CLASSIFY and labels else own.labels
            changed = replace(own, mode=mode, labels=kept, prefix=form.texts.get("prefix", own.prefix))
        except UnusableInputError as error:
            raise Refused(400, str(error)) from error
        except (ValueError, RecursionError) as error:  # deeply nested labels
            raise Refused(400, "There is no such task, or its labels are no list of texts.") from error
        if changed != own:
            await self.store.change_settings(Scope(place.id), changed)


def _labels(written: str) -> tuple[str, ...]:
    labels: Any = json.loads(written)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError(written)
    for label in labels:
        label.encode()  # raises UnicodeEncodeError at half a character, which JSON can hold and text cannot
    return tuple(label.strip() for label in labels if label.strip())


def _accepted(result: Request | Refusal | None) -> web.Response:
    if isinstance(result, Refusal):
        raise Refused(429, result.sentence)
    if result is None:
        raise Refused(409, "This is being answered already.")
    return web.json_response({"request": str(result.id)}, status=202)
