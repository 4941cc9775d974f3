"""The one place where the parts are built, started and, in the opposite order, stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn
from urllib.parse import quote

from aiohttp import web

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.checkpoints import was_trained_on_turns
from bot.conversation.limits import UNLIMITED, Limits
from bot.conversation.ports import PhotoFetcher
from bot.conversation.retention import retention
from bot.conversation.reviving import RevivedEngine
from bot.conversation.service import ReplyService
from bot.settings.sections import ModelSettings, Settings
from bot.store.repository import SqlStore
from bot.web.boards import Boards
from bot.web.health import Check, Health
from bot.web.metrics import Metrics
from bot.web.playground import Playground
from bot.web.security import is_loopback
from bot.web.serving import STATIC, AddressError, application, bind, serving, url_of
from bot.web.snowflakes import Snowflakes
from bot.web.status import Status
from bot.web.uploads import HeldPhotos
from bot.web.watch import Watch, watching
from bot.web.wording import catalogue
from inference.surface import Engine

STALLED_S = 180.0
"""Without any progress of any answer: the model hangs."""

OpenEngine = Callable[[ModelSettings], AbstractAsyncContextManager[Engine]]


@dataclass(frozen=True, slots=True)
class Core:
    """What every chat needs."""

    store: SqlStore
    engine: RevivedEngine
    service: ReplyService
    metrics: Metrics
    watch: Watch

    @property
    def checks(self) -> dict[str, Check]:
        """What has to be so, by name."""
        return {"model": self._model_works, "database": self.store.is_writable}

    def _model_works(self) -> bool:
        return not self.engine.is_down and self.service.stalled_seconds < STALLED_S


@asynccontextmanager
async def core(
    settings: Settings, fetcher: PhotoFetcher, open_engine: OpenEngine, *, limited: bool = True
) -> AsyncIterator[Core]:
    """The store, the engine and the service on both; unless it is `limited`, everybody may ask at any time.

    When the block is left, answers under way are left for the next start: whoever wants to give them time
    closes the service before.

    Raises:
        StoreError: the database cannot be used.
        InferenceError: the checkpoint cannot be used.
    """
    metrics = Metrics()
    async with (
        SqlStore.open(settings.store.url) as store,
        RevivedEngine(partial(open_engine, settings.model)) as engine,
    ):
        limits, defaults, retention_days = answering(settings)
        service = ReplyService(
            store,
            fetcher,
            engine,
            limits if limited else UNLIMITED,
            base=not was_trained_on_turns(engine),
            defaults=defaults,
            retention_days=retention_days,
            on_outcome=metrics.count_outcome,
        )
        await service.look_up_owed()
        metrics.watch(service, engine)
        watch = Watch(metrics)
        errors = metrics.log_handler()
        logging.getLogger().addHandler(errors)
        try:
            async with retention(service.erasing), watching(watch, metrics):
                yield Core(store, engine, service, metrics, watch)
        finally:
            logging.getLogger().removeHandler(errors)
            await service.close(grace=0)


def answering(settings: Settings) -> tuple[Limits, ChannelSettings, int]:
    """What the service is told of the settings, which may change: limits, defaults, days of retention."""
    return (
        Limits(**settings.limits.model_dump()),
        ChannelSettings(**settings.replies.model_dump()),
        settings.privacy.retention_days,
    )


async def serve_playground(
    settings: Settings, open_engine: OpenEngine, *, ready: Callable[[str], None]
) -> None:
    """Serves the playground until it is cancelled; `ready` is told its URL once it can be opened.

    Raises:
        AddressError: web.host and web.port cannot be served at, or others could come in without a token.
        StoreError, InferenceError: as in `core`.
        DeviceError: the model can be used again by a new process only.
    """
    token = settings.web.token.get_secret_value() if settings.web.token is not None else None
    if token is None and not is_loopback(settings.web.host):
        raise AddressError(
            f"At {settings.web.host} everybody could use the playground: set web.token to a word of 16 "
            "characters or more, or serve it at 127.0.0.1."
        )
    with (
        # First, so that a port in use is told before the model is loaded.
        bind(settings.web.host, settings.web.port) as listener,
        ThreadPoolExecutor(max_workers=2, thread_name_prefix="decode") as decoders,
    ):
        photos = HeldPhotos()
        # Without a token it is served to this machine only, whose owner shares it with nobody.
        async with core(settings, photos, open_engine, limited=token is not None) as parts:
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
            app = playground.application(settings.web.host, token)
            app.add_routes(_telling(settings, parts, parts.checks))
            async with serving(app, listener):
                await parts.service.resume(boards)
                ready(url_of(listener) + ("" if token is None else f"?token={quote(token)}"))
                await parts.engine.lost()


def _telling(settings: Settings, parts: Core, checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """What tells how the program is doing."""
    health = Health(checks, parts.metrics)
    status = Status(health, parts.watch, parts.metrics, settings.model.checkpoint)
    return [*health.routes(), *status.routes()]


async def _to_status(_request: web.Request) -> NoReturn:
    raise web.HTTPFound("/status")


@asynccontextmanager
async def serving_health(
    settings: Settings, listener: socket.socket, parts: Core, checks: Mapping[str, Check]
) -> AsyncIterator[None]:
    """Serves /status, /healthz and /metrics at a bound socket, without a playground.

    `checks` are further ones than the core's.
    """
    token = settings.web.token.get_secret_value() if settings.web.token is not None else None
    app = application(settings.web.host, token)
    app.add_routes(_telling(settings, parts, {**checks, **parts.checks}))
    app.add_routes([web.get("/", _to_status), web.get("/words", catalogue), web.static("/static", STATIC)])
    async with serving(app, listener):
        yield


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
