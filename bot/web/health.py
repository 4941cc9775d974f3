"""Whether the program does its work, for supervisors (/health) and for Prometheus (/metrics)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web

STARTED = time.time()

Check = Callable[[], bool]
Gauge = Callable[[], float]


def add_health(app: web.Application, checks: Mapping[str, Check], gauges: Mapping[str, Gauge]) -> None:
    """Adds both pages to `app`.

    Args:
        checks: by name, what has to be so, such as the connection to Discord; each in a few words' time.
        gauges: by name (snake case, its unit last), what is measured now.
    """

    async def health(_request: web.Request) -> web.Response:
        results = {name: check() for name, check in checks.items()}
        well = all(results.values())
        return web.json_response(
            {"status": "ok" if well else "failing", "checks": results}, status=200 if well else 503
        )

    async def metrics(_request: web.Request) -> web.Response:
        lines = [
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {STARTED:.3f}",
            "# TYPE process_cpu_seconds_total counter",
            f"process_cpu_seconds_total {time.process_time():.3f}",
        ]
        for name, gauge in gauges.items():
            lines += [f"# TYPE idefics_bot_{name} gauge", f"idefics_bot_{name} {gauge():g}"]
        if checks:
            lines.append("# TYPE idefics_bot_check gauge")
            lines += [f'idefics_bot_check{{name="{name}"}} {check():d}' for name, check in checks.items()]
        return web.Response(
            text="\n".join(lines) + "\n",
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app.add_routes([web.get("/health", health), web.get("/metrics", metrics)])
