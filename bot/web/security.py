"""What keeps other sites away from the playground, although it runs where the browser does."""

from __future__ import annotations

import ipaddress
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from bot.web.refusing import Refused

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_READING = frozenset({"GET", "HEAD"})


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `Application.on_response_prepare`: goes with every answer, errors included."""
    response.headers.update(HEADERS)


def guard(*, loopback: bool) -> Middleware:
    """Refuses what comes from another site.

    On loopback also what asks for another host than this machine: a site can have its own name point here,
    and would then be of the same origin.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if loopback and not is_loopback(_host(request)):
            raise Refused(403, "The playground is open to this machine only: --host changes that.")
        if request.method not in _READING and not _is_own(request):
            raise Refused(403, "This request comes from another site.")
        return await handler(request)

    return check


def is_loopback(host: str) -> bool:
    """Whether a host's name or address can only be this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(request: web.Request) -> str:
    try:
        return URL(f"http://{request.host}").host or ""
    except ValueError:
        return ""


def _is_own(request: web.Request) -> bool:
    """A browser says where a request that changes something comes from; other programs need not."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        return False
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
