"""What waits for the device: a request, and the way its outcome takes back to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from inference.prompt import EncodedPrompt
from inference.surface import Options, Reply

if TYPE_CHECKING:
    from inference.prepared import PreparedPicture

T = TypeVar("T")
R = TypeVar("R", contravariant=True)


class Listener(Protocol[R]):
    """Whoever made a request. All methods may be called from any thread, `finish` or `fail` once."""

    def piece(self, text: str) -> None:
        """A further piece of the answer's text, never empty."""
        ...

    def finish(self, result: R) -> None:
        """The request is done."""
        ...

    def fail(self, error: Exception) -> None:
        """The request cannot be done."""
        ...


@dataclass(eq=False, slots=True, kw_only=True)
class _Asked:
    """What all requests have in common."""

    prompt: EncodedPrompt
    pictures: Future[tuple[PreparedPicture, ...]]
    """The prompt's pictures, preprocessed on another thread."""
    queue_key: Hashable = None
    """Whose request it is: askers take turns."""
    cancelled: bool = False
    is_forgotten: bool = False
    """What is computed for it is of no use to later requests."""

    @property
    def ready(self) -> bool:
        """Whether it could be run now; also if its pictures turned out to be unreadable."""
        return self.pictures.done()


@dataclass(eq=False, slots=True, kw_only=True)
class GenerationRequest(_Asked):
    """A prompt to be answered."""

    options: Options
    max_new_tokens: int
    """The options' limit, or what the context leaves if that is less."""
    listener: Listener[Reply]


@dataclass(eq=False, slots=True, kw_only=True)
class RankRequest(_Asked):
    """Labels to be compared as answers to a prompt."""

    labels: Mapping[str, tuple[int, ...]]
    """The ids that each label adds to the prompt, all different and none empty."""
    listener: Listener[list[tuple[str, float]]]


Request = GenerationRequest | RankRequest


class _Mail:
    """Calls on their way to one event loop: all that are there when it wakes are made together.

    A call can come in the middle of another one on the same thread: where the garbage collector finds an
    answer that nobody wants any more.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._calls: list[Callable[[], object]] = []

    def post(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        with self._lock:
            # Asked before: what comes in the middle must not take this one for the one that wakes the loop.
            wakes = not self._calls
            self._calls.append(call)
        if not wakes:
            return  # It will be found by the wake-up that is on its way.
        try:
            loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            if not loop.is_closed():
                raise

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
        for call in calls:
            try:
                call()
            except Exception as error:
                context = {"message": f"{call} failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)


_mail_of: WeakKeyDictionary[asyncio.AbstractEventLoop, _Mail] = WeakKeyDictionary()
_mail_changes = RLock()


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[[T], object], value: T) -> None:
    """Has `callback(value)` called on the loop; a loop that has ended has nobody left to tell.

    Waking a loop for each of 32 pieces of a step would cost it, and the engine, more than the pieces do.
    """
    with _mail_changes:
        if loop.is_closed():
            _mail_of.pop(loop, None)  # What is in it knows the loop, and would keep it.
            return
        mail = _mail_of.setdefault(loop, _Mail())
    mail.post(loop, partial(callback, value))


class FutureListener(Generic[T]):
    """For whoever awaits the whole result; made on the event loop that will await it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[T] = self._loop.create_future()

    def piece(self, text: str) -> None:
        """Not needed: the result holds the whole text."""

    def finish(self, result: T) -> None:
        call_on(self._loop, self._settle, result)

    def fail(self, error: Exception) -> None:
        call_on(self._loop, self._refuse, error)

    def _settle(self, result: T) -> None:
        if not self.result.done():
            self.result.set_result(result)

    def _refuse(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


class QueueListener:
    """For whoever takes the pieces as they come; made on the event loop that will take them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.events: asyncio.Queue[str | Reply | Exception | None] = asyncio.Queue()
        """Pieces, then the finished reply or the error, or None where the answer was given up."""

    def piece(self, text: str) -> None:
        call_on(self._loop, self.events.put_nowait, text)

    def finish(self, result: Reply) -> None:
        call_on(self._loop, self.events.put_nowait, result)

    def fail(self, error: Exception) -> None:
        call_on(self._loop, self.events.put_nowait, error)

    def end(self) -> None:
        """Wakes a task that still waits for a piece of an answer that was given up."""
        call_on(self._loop, self.events.put_nowait, None)
