"""The status page: how the bot is doing, live."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aiohttp import web

from bot.web.health import Health
from bot.web.metrics import Metrics
from bot.web.serving import page
from bot.web.watch import EVERY_S, MOST_SAMPLES, Watch


@dataclass(frozen=True, slots=True)
class Status:
    """The page, and the figures that it asks for."""

    health: Health
    watch: Watch
    metrics: Metrics
    model: str
    """As it is named to people."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/status", self.page), web.get("/status/figures", self.figures)]

    async def page(self, _request: web.Request) -> web.FileResponse:
        return page("status.html")

    async def figures(self, request: web.Request) -> web.Response:
        """What is new since the moment in `after`, and what is so now."""
        try:
            after = float(request.query.get("after", "0"))
        except ValueError:
            after = 0.0
        data = {
            "model": self.model,
            "seconds_per_sample": EVERY_S,
            "most_samples": MOST_SAMPLES,
            "began_at": self.watch.began_at,
            "checks": await self.health.results(),
            "requests": self.metrics.requests_by_state(),
            "samples": self.watch.since(after if math.isfinite(after) else 0.0),
        }
        return web.json_response(data, headers={"Cache-Control": "no-store"})
