"""Nothing is kept for longer than it may be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.conversation.erasing import Eraser

log = logging.getLogger(__name__)

EVERY_S = 3600.0


@asynccontextmanager
async def retention(eraser: Eraser, *, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """While the block runs, what may no longer be kept is forgotten: at once, then every so many seconds."""

    async def work() -> None:
        while True:
            try:
                await eraser.forget_expired()
            except Exception:
                log.exception("What was kept for long enough could not be forgotten; it is tried again")
            await asyncio.sleep(every_s)

    task = asyncio.create_task(work(), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
