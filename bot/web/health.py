"""Whether the program does its work, for supervisors (/healthz) and for Prometheus (/metrics)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bot.web.metrics import Metrics

log = logging.getLogger(__name__)

Check = Callable[[], bool | Awaitable[bool]]
CHECK_S = 5.0
"""A check that takes longer has failed."""


def add_health(app: web.Application, checks: Mapping[str, Check], metrics: Metrics) -> None:
    """Adds both pages to `app`; `checks`, by name, are what has to be so."""

    async def results() -> dict[str, bool]:
        found = {name: await _passed(name, check) for name, check in checks.items()}
        for name, passed in found.items():
            metrics.check.labels(name).set(passed)
        return found

    async def health(_request: web.Request) -> web.Response:
        found = await results()
        well = all(found.values())
        return web.json_response(
            {"status": "ok" if well else "failing", "checks": found}, status=200 if well else 503
        )

    async def page(_request: web.Request) -> web.Response:
        await results()
        return web.Response(
            body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app.add_routes([web.get("/healthz", health), web.get("/metrics", page)])


async def _passed(name: str, check: Check) -> bool:
    try:
        result = check()
        if inspect.isawaitable(result):
            result = await asyncio.wait_for(result, CHECK_S)
    except Exception:
        log.warning("The check %s failed", name, exc_info=True)
        return False
    return result
