"""A word that opens the playground to those who are told it."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.web.refusing import Refused

COOKIE = "idefics_token"
MAX_AGE_S = 30 * 24 * 3600
OPEN = frozenset({"/healthz"})


def require(token: str) -> Middleware:
    """Lets in who opens /?token=… once, which leaves a cookie, or sends "Authorization: Bearer …"."""
    mark = hashlib.sha256(token.encode()).hexdigest()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/" and _same(request.query.get("token", ""), token):
            # Elsewhere, so that the token stays neither in the address bar nor in the history.
            response = web.Response(status=303, headers={"Location": "/"})
            response.set_cookie(COOKIE, mark, max_age=MAX_AGE_S, httponly=True, samesite="Strict", path="/")
            return response
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path in OPEN or _same(request.cookies.get(COOKIE, ""), mark) or _same(bearer, token):
            return await handler(request)
        raise Refused(401, "Open the playground with its token: put /?token=… behind the address.")

    return check


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
