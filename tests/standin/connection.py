"""One socket of the gateway: payloads out in order, compressed as its client asked for."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.standin.gateway import Session


def _zlib_stream() -> Callable[[bytes], bytes]:
    stream = zlib.compressobj()
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd_stream() -> Callable[[bytes], bytes]:
    import zstandard  # discord.py asks for it exactly where it is installed

    stream = zstandard.ZstdCompressor().compressobj()
    return lambda data: stream.compress(data) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


COMPRESSIONS = {"zlib-stream": _zlib_stream, "zstd-stream": _zstd_stream}


class Connection:
    """Open for as long as its `async with`; sending never waits, so whoever emits events need not either."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.ended = asyncio.Event()
        self._transport = request.transport
        compression = request.query.get("compress")
        self._compress = COMPRESSIONS[compression]() if compression else None
        self._outbox: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Connection:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.cancel()
        self.ended.set()

    def send(self, payload: dict[str, Any]) -> None:
        self.send_text(json.dumps(payload))

    def send_text(self, text: str) -> None:
        self._outbox.put_nowait(text)

    async def close(self, code: int) -> None:
        await self.socket.close(code=code)

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _write(self) -> None:
        while True:
            text = await self._outbox.get()
            try:
                if self._compress is None:
                    await self.socket.send_str(text)
                else:
                    await self.socket.send_bytes(self._compress(text.encode()))
            except ConnectionError:
                return  # the session keeps the event for a resume
