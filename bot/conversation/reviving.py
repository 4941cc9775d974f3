"""An engine that is loaded again when it has failed for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from itertools import count
from types import TracebackType
from typing import NoReturn, Self

from inference.errors import DeviceError, EngineError, QueueFullError
from inference.prompt import Prompt
from inference.surface import Engine, Options, Reply, ReplyStream

log = logging.getLogger(__name__)

PROBE_S = 60.0
"""In which a model that works says one token."""
CLOSE_S = 20.0
RETRY_AFTER_S = (0.0, 1.0, 5.0, 30.0, 60.0)
"""Between the times that the model is loaded; the last counts for all further ones."""


class EngineDownError(EngineError):
    """There is no engine at the moment; `recovered` is set once there is.

    `device_failed`: the device failed while it computed this answer, and only a new process can use it again.
    """

    def __init__(self, recovered: asyncio.Event, *, device_failed: bool = False) -> None:
        super().__init__("The model does not work at the moment; it is being loaded again.")
        self.recovered = recovered
        self.device_failed = device_failed


class RevivedEngine:
    """Implements `inference.surface.Engine` with whichever engine there is.

    After an EngineError the engine is asked for one token. If it cannot say that either, it is closed and
    loaded again, and until then all calls raise EngineDownError. What failed with a DeviceError is not loaded
    again: no process but a new one can do that.
    """

    def __init__(self, load: Callable[[], AbstractAsyncContextManager[Engine]]) -> None:
        self._load = load
        self._loaded = AsyncExitStack()
        self._revival: asyncio.Task[None] | None = None
        self._recovered = asyncio.Event()
        self._lost: asyncio.Future[DeviceError] = asyncio.Future()
        self.pieces = 0
        """Of answers, that were streamed so far."""

    @property
    def is_down(self) -> bool:
        return not self._recovered.is_set()

    @property
    def context_length(self) -> int:
        return self.engine.context_length

    @property
    def picture_size(self) -> int:
        return self.engine.picture_size

    def count_tokens(self, prompt: Prompt) -> int:
        return self.engine.count_tokens(prompt)

    async def generate(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> Reply:
        async with self._watched() as engine:
            return await engine.generate(prompt, options, queue_key=queue_key)

    def stream(
        self,
        prompt: Prompt,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        queue_key: Hashable = None,
    ) -> RevivedStream:
        return RevivedStream(self, prompt, options, queue_key)

    async def rank(
        self, prompt: Prompt, labels: Sequence[str], *, queue_key: Hashable = None
    ) -> list[tuple[str, float]]:
        async with self._watched() as engine:
            return await engine.rank(prompt, labels, queue_key=queue_key)

    async def lost(self) -> NoReturn:
        """Waits until only a new process can have an engine again.

        Raises:
            DeviceError: it is so.
        """
        raise await asyncio.shield(self._lost)

    async def forget(self) -> None:
        if self.is_down:
            return  # Nothing is kept by what is about to be loaded.
        try:
            await self.engine.forget()
        except EngineError as error:
            log.warning("The engine forgets by being closed: %s", error)

    async def aclose(self) -> None:
        if self._revival is not None:
            self._revival.cancel()
            await asyncio.wait({self._revival})
        await self._loaded.aclose()

    async def __aenter__(self) -> Self:
        self.engine = await self._loaded.enter_async_context(self._load())
        self._recovered.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[Engine]:
        if self.is_down:
            raise EngineDownError(self._recovered)
        engine = self.engine
        try:
            yield engine
        except QueueFullError:
            raise
        except EngineError as error:
            if isinstance(error, DeviceError):
                self._give_up(engine, error)
            elif engine is self.engine and not self.is_down:
                failure = await self._failure_of(engine)
                if failure is None:
                    raise
                self._give_up(engine, failure)
            raise EngineDownError(self._recovered, device_failed=isinstance(error, DeviceError)) from error

    async def _failure_of(self, engine: Engine) -> EngineError | TimeoutError | None:
        """Why the engine cannot say a token; None if it can, or has no time for it because of others."""
        pieces = self.pieces
        try:
            await asyncio.wait_for(engine.generate(["Hi"], Options(max_new_tokens=1)), PROBE_S)
        except QueueFullError:
            return None
        except EngineError as error:
            return error
        except TimeoutError as error:
            return error if self.pieces == pieces else None
        return None

    def _give_up(self, engine: Engine, failure: EngineError | TimeoutError) -> None:
        if engine is not self.engine or self._lost.done():
            return  # Another one was loaded, of which this says nothing; or it is known.
        if isinstance(failure, DeviceError):
            # Also while it is loaded again: what failed by itself at first was perhaps this.
            self._lost.set_result(failure)
        elif not self.is_down:
            self._revival = asyncio.create_task(self._load_again(), name="load the model again")
        else:
            return
        log.error("The model does not work any more: %r", failure)
        self._recovered.clear()

    async def _load_again(self) -> None:
        try:
            # A device that hangs is left to itself.
            # Not by wait_for, which on Python 3.11 may lose the cancellation that ends this task.
            async with asyncio.timeout(CLOSE_S):
                await self._loaded.aclose()
        except Exception:
            log.exception("The model that failed could not be closed")
        for tried in count():
            await asyncio.sleep(RETRY_AFTER_S[min(tried, len(RETRY_AFTER_S) - 1)])
            self._loaded = AsyncExitStack()
            try:
                self.engine = await self._loaded.enter_async_context(self._load())
            except Exception:
                log.exception("The model cannot be loaded; it is tried again")
            else:
                log.warning("The model works again")
                self._recovered.set()
                return


class RevivedStream:
    """Implements `inference.surface.ReplyStream`."""

    def __init__(self, engine: RevivedEngine, prompt: Prompt, options: Options, queue_key: Hashable) -> None:
        self.reply: Reply | None = None
        self._engine = engine
        self._inner: ReplyStream | None = None
        self._pieces = self._stream(prompt, options, queue_key)

    @property
    def place(self) -> int | None:
        return None if self._inner is None else self._inner.place

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()

    async def _stream(
        self, prompt: Prompt, options: Options, queue_key: Hashable
    ) -> AsyncGenerator[str, None]:
        async with (
            self._engine._watched() as engine,
            aclosing(engine.stream(prompt, options, queue_key=queue_key)) as stream,
        ):
            self._inner = stream
            async for piece in stream:
                self._engine.pieces += 1
                yield piece
            self.reply = stream.reply
