"""What can go wrong with a request on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Answer:
    """This, in place of the real answer; nothing is done."""

    status: int
    body: dict[str, Any] | str = ""
    headers: dict[str, str] = field(default_factory=dict)


def rate_limited(seconds: float, *, everywhere: bool = False) -> Answer:
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}
    # discord.py takes a 429 without Via for Cloudflare's, which ends the request.
    scope = "global" if everywhere else "user"
    return Answer(
        429, body, {"Retry-After": f"{seconds:.3f}", "Via": "1.1 standin", "X-RateLimit-Scope": scope}
    )


def refused(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"code": code, "message": message})


def redirected(url: str) -> Answer:
    return Answer(302, headers={"Location": url})


BLOCKED = Answer(429, "error code: 1015", {"Content-Type": "text/html"})
"""Cloudflare's ban: no JSON, no Retry-After."""
SERVER_ERROR = Answer(500, {"message": "500: Internal Server Error", "code": 0})


class Hang:
    """No answer until the client gives up or the stand-in closes; nothing is done."""


class Cut:
    """The connection breaks before anything is done."""


class AnswerLost:
    """All is done, and the connection breaks before the answer."""


class AnswerHeld:
    """All is done, and no answer comes until the client gives up or the stand-in closes."""


Fault = Answer | Hang | Cut | AnswerLost | AnswerHeld


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int


class Faults:
    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self.struck: Counter[str] = Counter()
        """How many requests met each kind: a status, or what happened to the connection."""

    def add(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """For the next `times` requests with the method whose path holds the regular expression `path`."""
        self._rules.append(_Rule(method, re.compile(path), fault, times))

    def take(self, request: web.Request) -> Fault | None:
        for rule in self._rules:
            if rule.left and rule.method == request.method and rule.path.search(request.path):
                rule.left -= 1
                fault = rule.fault
                self.struck[str(fault.status) if isinstance(fault, Answer) else type(fault).__name__] += 1
                return fault
        return None


class NotSent(web.Response):
    """Stands for an answer that nobody gets."""


async def before(fault: Fault | None, request: web.Request) -> web.Response | None:
    """What happens instead of the request; None: it is carried out."""
    if isinstance(fault, Answer):
        if isinstance(fault.body, str):
            return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
        text = json.dumps(fault.body)
        return web.Response(
            status=fault.status, text=text, content_type="application/json", headers=fault.headers
        )
    if isinstance(fault, Hang):
        await asyncio.Event().wait()
    return cut(request) if isinstance(fault, Cut) else None


def cut(request: web.Request) -> web.Response:
    """Breaks the connection; the response goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return NotSent()
