"""A service with a store, an engine that follows a script, and a chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.limits import Limits
from bot.conversation.messages import Message, Place, Scope
from bot.conversation.requests import Request
from bot.conversation.service import ReplyService
from bot.store.repository import SqlStore
from tests.bot.conversation.chats import (
    Chat,
    Clock,
    Pictures,
    View,
    open_store,
)
from tests.fake_engine import FakeEngine, Script


@dataclass
class Scene:
    store: SqlStore
    engine: FakeEngine
    pictures: Pictures
    chat: Chat
    service: ReplyService
    clock: Clock

    async def ask(self, text: str = "", *pictures: str, **about: Any) -> View:
        """Posts a message that is answered; returns the view when the answer is shown and recorded."""
        request = await self.receive(self.clock.message(text, *pictures, **about))
        return await self.answered(request)

    async def receive(self, message: Message) -> Request:
        request = await self.service.receive(message, self.chat)
        assert isinstance(request, Request), request
        return request

    async def answered(self, request: Request) -> View:
        view = self.chat.views[request.id]
        await view.finished.wait()
        await self.over(request)
        return view

    async def over(self, request: Request) -> None:
        await self.service.stop(request.id)  # waits where it is being recorded

    async def set(self, place: Place, **settings: Any) -> None:
        await self.store.change_settings(Scope(place.id), ChannelSettings(**settings))


@asynccontextmanager
async def scene(
    folder: Path,
    clock: Clock,
    *answers: Script,
    limits: Limits | None = None,
    **engine: Any,
) -> AsyncIterator[Scene]:
    async with open_store(folder) as store:
        fake = FakeEngine(*answers, **engine)
        pictures = Pictures()
        service = ReplyService(store, pictures, fake, limits or Limits(), clock=clock, now=clock.now)
        await service.look_up_owed()
        chat = Chat(store, clock)
        yield Scene(store, fake, pictures, chat, service, clock)
        await service.close(0)
        assert not any(view.overlapped for view in chat.views.values())
