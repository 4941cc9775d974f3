"""Whether the program does its work, for supervisors (/healthz) and Prometheus (/metrics)."""

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


class Health:
    """What has to be so: `checks`, by name."""

    def __init__(self, checks: Mapping[str, Check], metrics: Metrics) -> None:
        self._checks = checks
        self._metrics = metrics
        self._looking: asyncio.Task[dict[str, bool]] | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self._health), web.get("/metrics", self._page)]

    async def results(self) -> dict[str, bool]:
        """Whether each is passed now. Who asks meanwhile is told the same: anybody may ask, however often."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="health")
        return await asyncio.shield(self._looking)

    async def _look(self) -> dict[str, bool]:
        passed = await asyncio.gather(*(_passed(name, check) for name, check in self._checks.items()))
        found = dict(zip(self._checks, passed, strict=True))
        for name, is_passed in found.items():
            self._metrics.check.labels(name).set(is_passed)
        return found

    async def _health(self, _request: web.Request) -> web.Response:
        found = await self.results()
        well = all(found.values())
        return web.json_response(
            {"status": "ok" if well else "failing", "checks": found}, status=200 if well else 503
        )

    async def _page(self, _request: web.Request) -> web.Response:
        await self.results()
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


async def _passed(name: str, check: Check) -> bool:
    try:
        result = check()
        if inspect.isawaitable(result):
            result = await asyncio.wait_for(result, CHECK_S)
    except Exception:
        log.warning("The check %s failed", name, exc_info=True)
        return False
    return result
