"""What surrounds every request: it is noted, checked, limited, and goes wrong if a test wants that."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.standin import faults, openapi
from tests.standin.changes import Changes
from tests.standin.errors import ApiError
from tests.standin.faults import Faults

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
API = "/api/v10"
OPEN = ("/interactions/", "/webhooks/")
"""Requests that carry a token in their path."""
LIMITED = {
    ("POST", "/channels/{channel_id}/messages"),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
}


@dataclass(eq=False)
class Call:
    """One request of the client. `route` is the path with its parameters' names, without the version."""

    method: str
    route: str
    path: str
    query: dict[str, str]
    body: Any = None
    """Its JSON; of a form, what stands in payload_json."""
    files: dict[str, FileField] = field(default_factory=dict)
    status: int | None = None
    """None while it is served, and where the connection was cut."""

    def __repr__(self) -> str:
        return f"{self.method} {self.path} -> {self.status} {json.dumps(self.body) if self.body else ''}"


CALL = web.RequestKey("call", Call)
"""Where a request carries its `Call` to its handler."""


@dataclass
class Limit:
    """So many requests of one kind per channel in a window that the first of them opens."""

    requests: int = 5
    seconds: float = 5.0


@dataclass
class _Window:
    ends: float
    left: int


class Limits:
    """Discord's way to limit: it says in headers what is left, and refuses what is over."""

    def __init__(self) -> None:
        self.limit = Limit()
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def take(self, call: Call, channel_id: str) -> tuple[dict[str, str], float]:
        """Headers for the answer, and for how many seconds it is refused (0: it is not)."""
        now = asyncio.get_running_loop().time()
        key = (call.method, call.route, channel_id)
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._windows[key] = window = _Window(now + self.limit.seconds, self.limit.requests)
        over = window.left == 0
        window.left = max(0, window.left - 1)
        headers = {
            "X-RateLimit-Bucket": f"{call.method}{call.route}".encode().hex()[:32],
            "X-RateLimit-Limit": str(self.limit.requests),
            "X-RateLimit-Remaining": str(window.left),
            "X-RateLimit-Reset-After": f"{window.ends - now:.3f}",
        }
        return headers, window.ends - now if over else 0.0


class Surroundings:
    def __init__(self, token: str, changes: Changes) -> None:
        self.calls: list[Call] = []
        self.problems: list[str] = []
        """Requests that Discord would not understand, and failures of the stand-in itself."""
        self.faults = Faults()
        self.limits = Limits()
        self._token = token
        self._changes = changes

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in ("/gateway", "/resume"):
            return await handler(request)
        call = request[CALL] = await self._note(request)
        await self._changes.announce()
        try:
            response = await self._serve(request, handler, call)
            call.status = None if isinstance(response, faults.NotSent) else response.status
            if response.content_type == openapi.JSON:
                # As Discord has it: discord.py compares the whole header.
                response.headers["Content-Type"] = openapi.JSON
            return response
        finally:
            await self._changes.announce()

    async def _note(self, request: web.Request) -> Call:
        resource = request.match_info.route.resource
        route = (resource.canonical if resource else request.path).removeprefix(API)
        call = Call(request.method, route, request.path.removeprefix(API), dict(request.query))
        self.calls.append(call)
        if request.content_type == openapi.FORM:
            form = await request.post()
            call.body = json.loads(str(form["payload_json"]))
            call.files = {name: part for name, part in form.items() if isinstance(part, FileField)}
        elif request.can_read_body and request.content_type == openapi.JSON:
            call.body = await request.json()
        return call

    async def _serve(self, request: web.Request, handler: Handler, call: Call) -> web.StreamResponse:
        if request.path.startswith(API):
            description = openapi.description()
            if description is not None:
                self.problems += description.problems(
                    call.method, call.path, call.query, request.content_type, call.body
                )
        fault = self.faults.take(request)
        instead = await faults.before(fault, request)
        if instead is not None:
            return instead
        headers: dict[str, str] = {}
        if (call.method, call.route) in LIMITED:
            headers, refused_for = self.limits.take(call, request.match_info["channel_id"])
            if refused_for:
                over = await faults.before(faults.rate_limited(refused_for), request)
                assert over is not None
                over.headers.update(headers)
                return over
        response = await self._answer(request, handler, call)
        response.headers.update(headers)
        if isinstance(fault, faults.AnswerLost):
            return faults.cut(request)
        if isinstance(fault, faults.AnswerHeld):
            await self._changes.announce()
            await asyncio.Event().wait()
        return response

    async def _answer(self, request: web.Request, handler: Handler, call: Call) -> web.StreamResponse:
        needs_token = request.path.startswith(API) and not call.path.startswith(OPEN)
        try:
            if needs_token and request.headers.get("Authorization") != f"Bot {self._token}":
                raise ApiError(401, 0, "401: Unauthorized")
            return await handler(request)
        except ApiError as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        except web.HTTPException as error:
            if request.match_info.http_exception is not None:
                self.problems.append(f"{call.method} {request.path}: not served here")
            return web.json_response({"message": error.reason, "code": 0}, status=error.status)
        except Exception:
            log.exception("%s %s", call.method, call.path)
            self.problems.append(traceback.format_exc())
            return web.json_response({"message": "500: Internal Server Error", "code": 0}, status=500)
