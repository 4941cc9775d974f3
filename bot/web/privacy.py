"""What somebody in the browser decides about what is kept of the conversation there."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from aiohttp import web

from bot.conversation.export import export
from bot.conversation.service import ReplyService
from bot.conversation.store import Store
from bot.web.boards import Boards
from bot.web.serving import page
from bot.web.sessions import Session
from bot.web.transcript import AFTER_ALL, MOST_MESSAGES

_MOST_BYTES = 1 << 62
"""One archive, however large it is."""


@dataclass(frozen=True, slots=True)
class OwnData:
    """The page, and the calls that it makes."""

    service: ReplyService
    store: Store
    boards: Boards

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/privacy", self.page),
            web.get("/own", self.amount),
            web.get("/own/export", self.export),
            web.delete("/own", self.forget),
        ]

    async def page(self, request: web.Request) -> web.FileResponse:
        response = page("privacy.html")
        (Session.of(request) or Session.new()).keep_in(response)
        return response

    async def amount(self, request: web.Request) -> web.Response:
        """How much is kept, and for how many days."""
        kept = await self.store.kept_of(Session.required(request).person.id)
        days = self.service.erasing.retention_days
        return web.json_response({"kept": asdict(kept), "days": days}, headers={"Cache-Control": "no-store"})

    async def export(self, request: web.Request) -> web.Response:
        """A zip archive."""
        [data] = [each async for each in export(self.store, Session.required(request).person.id, _MOST_BYTES)]
        return web.Response(
            body=data,
            content_type="application/zip",
            headers={
                "Content-Disposition": 'attachment; filename="idefics.zip"',
                "Cache-Control": "no-store",
            },
        )

    async def forget(self, request: web.Request) -> web.Response:
        """All that was said, shown, answered and set; returns how much it was."""
        session = Session.required(request)
        board = self.boards.of(session.place.id)
        shown = await self.store.history(session.place, AFTER_ALL, MOST_MESSAGES)
        forgotten = await self.service.erasing.forget_person(session.person.id, own_place=session.place.id)
        for question_id in {*board.answers, *(message.id for message in shown if not message.by_bot)}:
            board.forget(question_id)
        return web.json_response(asdict(forgotten))
