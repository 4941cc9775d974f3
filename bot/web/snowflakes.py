"""Ids of Discord's kind for messages that Discord has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.conversation.messages import DISCORD_EPOCH_MS


class Snowflakes:
    """Makes ids that hold the time they were made at, each larger than the one before."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970; that it goes back is no harm."""
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        now = int(self._clock() * 1000) - DISCORD_EPOCH_MS
        self._last = max(now << 22, self._last + 1)
        return self._last
