"""The one place where the parts are built, started and, in the opposite order, stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.checkpoints import was_trained_on_turns
from bot.conversation.limits import Limits
from bot.conversation.ports import PhotoFetcher
from bot.conversation.retention import retention
from bot.conversation.service import ReplyService
from bot.settings import ModelSettings, Settings
from bot.store.repository import SqlStore
from bot.web.boards import Boards
from bot.web.health import add_health
from bot.web.playground import Playground
from bot.web.serving import bind, serving, url_of
from bot.web.snowflakes import Snowflakes
from bot.web.uploads import HeldPhotos
from inference.surface import Engine

OpenEngine = Callable[[ModelSettings], AbstractAsyncContextManager[Engine]]


@dataclass(frozen=True, slots=True)
class Core:
    """What every chat needs."""

    store: SqlStore
    engine: Engine
    service: ReplyService


@asynccontextmanager
async def core(settings: Settings, fetcher: PhotoFetcher, open_engine: OpenEngine) -> AsyncIterator[Core]:
    """The store, the engine and the service on both.

    When the block is left, answers under way are left for the next start: whoever wants to give them time
    closes the service before.

    Raises:
        StoreError: the database cannot be used.
        InferenceError: the checkpoint cannot be used.
    """
    async with (
        SqlStore.open(settings.store.url) as store,
        open_engine(settings.model) as engine,
        retention(store, settings.privacy.retention_days),
    ):
        service = ReplyService(
            store,
            fetcher,
            engine,
            Limits(**settings.limits.model_dump()),
            base=not was_trained_on_turns(engine),
            defaults=ChannelSettings(**settings.replies.model_dump()),
        )
        try:
            yield Core(store, engine, service)
        finally:
            await service.close(grace=0)


async def serve_playground(
    settings: Settings, open_engine: OpenEngine, *, ready: Callable[[str], None]
) -> None:
    """Serves the playground until it is cancelled; `ready` is told its URL once it can be opened.

    Raises:
        AddressError: web.host and web.port cannot be served at.
        StoreError, InferenceError: as in `core`.
    """
    with (
        # First, so that a port in use is told before the model is loaded.
        bind(settings.web.host, settings.web.port) as listener,
        ThreadPoolExecutor(max_workers=2, thread_name_prefix="decode") as decoders,
    ):
        photos = HeldPhotos()
        async with core(settings, photos, open_engine) as parts:
            snowflakes = Snowflakes()
            boards = Boards(parts.store, snowflakes)
            playground = Playground(
                service=parts.service,
                store=parts.store,
                photos=photos,
                boards=boards,
                snowflakes=snowflakes,
                model=settings.model.checkpoint,
                decoders=decoders,
            )
            app = playground.application(settings.web.host)
            add_health(app, {}, {"requests_in_flight": lambda: parts.service.in_flight})
            async with serving(app, listener):
                await parts.service.resume(boards)
                ready(url_of(listener))
                await asyncio.Event().wait()


@asynccontextmanager
async def serving_health(
    settings: Settings, service: ReplyService, checks: Mapping[str, Callable[[], bool]]
) -> AsyncIterator[str]:
    """Serves /health and /metrics at web.host and web.port, without a playground; yields the URL.

    Raises:
        AddressError: as in `serve_playground`.
    """
    app = web.Application()
    add_health(app, checks, {"requests_in_flight": lambda: service.in_flight})
    listener = bind(settings.web.host, settings.web.port)
    async with serving(app, listener):
        yield url_of(listener)


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` to its end, or cancels it at Ctrl-C or SIGTERM and returns when it has cleaned up."""
    task = asyncio.ensure_future(work)
    signalled = False

    def stop() -> None:
        nonlocal signalled
        signalled = True
        task.cancel()

    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: there Ctrl-C raises KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not signalled:
            raise
