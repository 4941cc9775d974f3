"""Nothing is kept for longer than it may be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.conversation.personal import Forgotten, PersonalStore

log = logging.getLogger(__name__)

EVERY_S = 3600.0


async def forget_expired(
    store: PersonalStore, default_days: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Forgotten:
    """Forgets what has been kept for as long as it may be, traces included."""
    forgotten = await store.forget_expired(now(), default_days)
    # Also of what people deleted meanwhile.
    await store.erase_traces()
    if forgotten != Forgotten():
        log.info(
            "Forgot %d messages, %d pictures and %d answers, which were kept for long enough",
            forgotten.messages,
            forgotten.photos,
            forgotten.answers,
        )
    return forgotten


@asynccontextmanager
async def retention(
    store: PersonalStore, default_days: int, *, every_s: float = EVERY_S
) -> AsyncIterator[None]:
    """While the block runs, what may no longer be kept is forgotten: at once, then every so many seconds."""

    async def work() -> None:
        while True:
            try:
                await forget_expired(store, default_days)
            except Exception:
                log.exception("What was kept for long enough could not be forgotten; it is tried again")
            await asyncio.sleep(every_s)

    task = asyncio.create_task(work(), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
