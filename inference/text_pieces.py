"""A streamed answer as its caller holds it: a loop over pieces of text that cancels when it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Self

from inference.requests import GenerationRequest, QueueListener
from inference.surface import Reply


class TextPieces:
    """The pieces of one answer; it implements `inference.surface.ReplyStream`.

    The request is made when the first piece is asked for. It is cancelled by `aclose`, when a loop over
    this object is left, and when this object is dropped.
    """

    def __init__(
        self,
        submit: Callable[[QueueListener], GenerationRequest],
        place_of: Callable[[GenerationRequest], int | None],
    ) -> None:
        self._submit = submit
        self._place_of = place_of
        self._listener: QueueListener | None = None
        self._request: GenerationRequest | None = None
        self._reply: Reply | None = None
        self._over = False

    @property
    def reply(self) -> Reply | None:
        return self._reply

    @property
    def place(self) -> int | None:
        return None if self._request is None else self._place_of(self._request)

    def __aiter__(self) -> AsyncIterator[str]:
        return _Loop(self)

    async def __anext__(self) -> str:
        if self._over:
            raise StopAsyncIteration
        if self._listener is None:
            listener = QueueListener()
            try:
                self._request = self._submit(listener)
            except Exception:
                self._over = True
                raise
            self._listener = listener
        event = await self._listener.events.get()
        if isinstance(event, str):
            return event
        self._over = True
        if isinstance(event, Exception):
            raise event
        self._reply = event
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Ends the answer where it is; without effect on a finished one."""
        self._over = True
        if self._request is not None and self._listener is not None:
            self._request.cancelled = True
            self._listener.end()

    def __del__(self) -> None:
        self.cancel()


class _Loop:
    """What an `async for` holds: Python drops it when the loop is left, which cancels the request."""

    def __init__(self, pieces: TextPieces) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        return await self._pieces.__anext__()

    def __del__(self) -> None:
        self._pieces.cancel()
