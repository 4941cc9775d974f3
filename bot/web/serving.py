"""Serving an application at an address."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bot.web.refusing import tell
from bot.web.security import add_headers, guard, is_loopback
from bot.web.tokens import require

STATIC = Path(__file__).parent / "static"
SHUTDOWN_S = 5.0
_REASONS = {
    errno.EADDRINUSE: "another program uses it, so end that one or choose another port",
    errno.EACCES: "this port needs more rights, so choose one from 1024 on",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


class AddressError(Exception):
    """The address cannot be served at; the message is one sentence that says what to do."""


def application(host: str, token: str | None) -> web.Application:
    """An application to be served at `host`, with a `token` to those who have it; without any pages yet."""
    gates = [] if token is None else [require(token)]
    app = web.Application(middlewares=[tell, guard(loopback=is_loopback(host)), *gates])
    app.on_response_prepare.append(add_headers)
    return app


def page(name: str) -> web.FileResponse:
    """One of the pages, which the browser asks for each time: the next version's may be another."""
    return web.FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at an address, so that nobody else takes it while the model is loaded.

    Raises:
        AddressError: it cannot.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise AddressError(f"There is no host {host}: check web.host, or --host.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0, (error.strerror or "it does not work").lower())
        raise AddressError(f"Nothing can be served at {host}, port {port}: {reason}.") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if listener.family is socket.AF_INET else "::1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """Serves `app` at a bound socket while the block runs; it ends with the open pages let go."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
