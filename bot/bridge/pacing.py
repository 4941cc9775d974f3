"""When the next edit in a channel may be made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EDIT_INTERVAL_S = 1.0


class Pacer:
    """Keeps writes in one channel `interval_s` apart, however many answers are shown there.

    Discord's own limits come with its answers and are kept by discord.py, which waits silently; this keeps
    streaming well inside them. `clock` gives seconds that never go back.
    """

    def __init__(self, interval_s: float = EDIT_INTERVAL_S, clock: Callable[[], float] | None = None) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._free_at: dict[int, float] = {}

    def take(self, channel_id: int) -> bool:
        """Takes the channel's turn if it is free now; for text that the next write would replace anyway."""
        now = self._now()
        if now < self._free_at.get(channel_id, now):
            return False
        self._set(channel_id, now + self._interval_s, now)
        return True

    async def wait(self, channel_id: int) -> None:
        """Waits for the channel's turn, after all who already wait; for what has to be written."""
        now = self._now()
        at = max(now, self._free_at.get(channel_id, now))
        self._set(channel_id, at + self._interval_s, now)
        if at > now:
            await asyncio.sleep(at - now)

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    def _set(self, channel_id: int, free_at: float, now: float) -> None:
        if len(self._free_at) > 1000:
            self._free_at = {channel: at for channel, at in self._free_at.items() if at > now}
        self._free_at[channel_id] = free_at
