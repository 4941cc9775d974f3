"""What Prometheus is told about the running bot."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import aiohttp
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import generate_latest

from bot.conversation.requests import Outcome
from bot.conversation.service import ReplyService

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Counts for one bot; `text` is the page."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "idefics_bot_requests", "Requests that are over, by how they ended.", ["state"], registry=registry
        )
        self._queued = Histogram(
            "idefics_bot_queued_seconds",
            "From the acceptance of a request to the start of the work.",
            buckets=SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "idefics_bot_first_token_seconds",
            "From the start of the work to the first text.",
            buckets=SECONDS,
            registry=registry,
        )
        self._speed = Histogram(
            "idefics_bot_tokens_per_second",
            "Of one answer, after its first text.",
            buckets=TOKENS_PER_SECOND,
            registry=registry,
        )
        self._tokens = Counter(
            "idefics_bot_tokens",
            "Tokens: of prompts, those of them that were cached, and of answers.",
            ["kind"],
            registry=registry,
        )
        self._discord = Counter(
            "idefics_bot_discord_requests",
            "Answers of Discord's API: edits are PATCH, refusals for being too many 429.",
            ["method", "status"],
            registry=registry,
        )
        self._errors = Counter(
            "idefics_bot_logged_errors",
            "Errors in the log, by who logged them.",
            ["logger"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "idefics_bot_requests_in_flight", "Requests that wait or are being answered.", registry=registry
        )
        self._waiting = Gauge(
            "idefics_bot_requests_waiting", "Requests without any text yet.", registry=registry
        )
        memory = Gauge(
            "idefics_bot_device_memory_bytes", "What torch holds on accelerators.", registry=registry
        )
        memory.set_function(device_bytes)
        self.check = Gauge(
            "idefics_bot_check", "1 where a check of /healthz is passed.", ["name"], registry=registry
        )

    def watch(self, service: ReplyService) -> None:
        self._in_flight.set_function(lambda: service.in_flight)
        self._waiting.set_function(lambda: len(service.line))

    def count_outcome(self, outcome: Outcome) -> None:
        self._requests.labels(outcome.state).inc()
        self._queued.observe(outcome.queued_seconds)
        for kind, count in (
            ("prompt", outcome.prompt_tokens),
            ("cached", outcome.cached_tokens),
            ("answer", outcome.completion_tokens),
        ):
            self._tokens.labels(kind).inc(count)
        if outcome.text:
            self._first_token.observe(outcome.first_token_seconds)
        seconds = outcome.total_seconds - outcome.first_token_seconds
        if outcome.completion_tokens > 1 and seconds > 0:
            self._speed.observe((outcome.completion_tokens - 1) / seconds)

    def discord_trace(self) -> aiohttp.TraceConfig:
        """For the client's sessions: counts every answer, also those that the library waits on silently."""
        trace = aiohttp.TraceConfig()

        async def ended(
            _session: aiohttp.ClientSession,
            _context: SimpleNamespace,
            params: aiohttp.TraceRequestEndParams,
        ) -> None:
            self._discord.labels(params.method, str(params.response.status)).inc()

        trace.on_request_end.append(ended)
        return trace

    def log_handler(self) -> logging.Handler:
        """Counts what is logged as an error."""
        errors = self._errors

        class Counting(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                errors.labels(record.name).inc()

        return Counting(logging.ERROR)

    def text(self) -> bytes:
        return generate_latest(self.registry)


def device_bytes() -> float:
    """Allocated by torch on all accelerators; 0 without any, or before torch is used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0.0
    return float(sum(torch.cuda.memory_allocated(device) for device in range(torch.cuda.device_count())))
