"""What Prometheus is told about the running bot."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
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
from prometheus_client.samples import Sample

from bot.conversation.requests import Outcome
from bot.conversation.reviving import RevivedEngine
from bot.conversation.service import ReplyService

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Counts for one bot; `text` is the page."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.on_outcome: list[Callable[[Outcome], None]] = []
        """Told of each outcome too."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._service: ReplyService | None = None
        self._engine: RevivedEngine | None = None
        self._process = ProcessCollector(registry=registry)
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
        self._edits = Counter(
            "idefics_bot_discord_edits",
            "Edits of messages that Discord accepted: answers that grow.",
            registry=registry,
        )
        self.lag = Histogram(
            "idefics_bot_loop_lag_seconds", "How late the event loop was.", buckets=LAG, registry=registry
        )
        in_flight = Gauge(
            "idefics_bot_requests_in_flight", "Requests that wait or are being answered.", registry=registry
        )
        in_flight.set_function(lambda: self.in_flight)
        waiting = Gauge("idefics_bot_requests_waiting", "Requests without any text yet.", registry=registry)
        waiting.set_function(lambda: self.waiting)
        tasks = Gauge("idefics_bot_tasks", "Tasks of the event loop.", registry=registry)
        tasks.set_function(lambda: len(asyncio.all_tasks(self._loop)) if self._loop is not None else 0)
        memory = Gauge(
            "idefics_bot_device_memory_bytes", "What torch holds on accelerators.", registry=registry
        )
        memory.set_function(self.device_bytes)
        self.check = Gauge(
            "idefics_bot_check", "1 where a check of /healthz is passed.", ["name"], registry=registry
        )

    def watch(self, service: ReplyService, engine: RevivedEngine) -> None:
        """From now on the figures are theirs."""
        self._service = service
        self._engine = engine
        self._loop = asyncio.get_running_loop()

    @property
    def in_flight(self) -> int:
        return self._service.in_flight if self._service is not None else 0

    @property
    def waiting(self) -> int:
        return len(self._service.line) if self._service is not None else 0

    def count_outcome(self, outcome: Outcome) -> None:
        for tell in self.on_outcome:
            tell(outcome)
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
            status = params.response.status
            self._discord.labels(params.method, str(status)).inc()
            if params.method == "PATCH" and status < 400 and "/messages/" in params.url.path:
                self._edits.inc()

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

    def totals(self) -> dict[str, float]:
        """What only grows: `pieces` of answers, `edits`, `refused` (for being too many), `errors`."""
        answers = list(_samples(self._discord))
        return {
            "pieces": self._engine.pieces if self._engine is not None else 0,
            "edits": sum(sample.value for sample in _samples(self._edits)),
            "refused": sum(sample.value for sample in answers if sample.labels["status"] == "429"),
            "errors": sum(sample.value for sample in _samples(self._errors)),
        }

    def requests_by_state(self) -> dict[str, int]:
        """How many are over, by how they ended."""
        return {sample.labels["state"]: int(sample.value) for sample in _samples(self._requests)}

    def memory_bytes(self) -> float:
        """Of the process, as the system counts it; 0 where it does not tell."""
        samples = (sample for metric in self._process.collect() for sample in metric.samples)
        return next((one.value for one in samples if one.name == "process_resident_memory_bytes"), 0.0)

    @staticmethod
    def device_bytes() -> float:
        """Allocated by torch on all accelerators; 0 without any, or before torch is used."""
        torch = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available():
            return 0.0
        return float(sum(torch.cuda.memory_allocated(device) for device in range(torch.cuda.device_count())))


def _samples(counter: Counter) -> Iterator[Sample]:
    """Without the times at which they began."""
    return (
        sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")
    )
