from __future__ import annotations

import asyncio
import gc
import threading
import weakref

from inference import requests
from inference.requests import FutureListener, QueueListener, call_on
from inference.surface import Reply

REPLY = Reply("", (), "stop", 1, 0, 0)


def test_calls_from_a_thread_come_all_and_in_their_order() -> None:
    async def main() -> None:
        listener = QueueListener()

        def work() -> None:
            for number in range(1000):
                listener.piece(str(number))
            listener.finish(REPLY)

        thread = threading.Thread(target=work)
        thread.start()
        events = [await listener.events.get() for _ in range(1001)]
        thread.join()
        assert events == [*map(str, range(1000)), REPLY]

    asyncio.run(main())


def test_a_loop_is_woken_once_for_what_comes_together() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wakes: list[object] = []
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *arguments: wakes.append(wake(*arguments))  # type: ignore
        got: list[int] = []
        for number in range(10):
            call_on(loop, got.append, number)
        await asyncio.sleep(0)
        assert got == list(range(10))
        assert len(wakes) == 1

    asyncio.run(main())


def test_a_call_that_fails_keeps_no_other_from_being_made() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[object] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        got: list[int] = []
        call_on(loop, [].pop, 3)
        call_on(loop, got.append, 1)
        await asyncio.sleep(0)
        assert got == [1]
        assert [type(error) for error in told] == [IndexError]

    asyncio.run(main())


def test_a_loop_that_has_ended_is_neither_called_nor_kept() -> None:
    loop = asyncio.new_event_loop()

    async def listen() -> FutureListener[None]:
        return FutureListener()

    listener = loop.run_until_complete(listen())
    listener.finish(None)
    loop.close()
    listener.finish(None)
    del listener
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_a_call_in_the_middle_of_another_is_made_too() -> None:
    """The garbage collector may find an answer that nobody wants any more at any moment, and gives it up."""

    class Interrupted(list[object]):
        def append(self, call: object) -> None:
            if not self:
                super().append(call)
                call_on(loop, got.append, "in the middle")
            else:
                super().append(call)

    async def main() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        call_on(loop, got.append, "first")
        await asyncio.sleep(0)
        mail = requests._mail_of[loop]
        for interrupted in (True, False):
            mail._calls = Interrupted() if interrupted else []
            with requests._mail_changes:
                call_on(loop, got.append, "outer")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    loop: asyncio.AbstractEventLoop
    got: list[str] = []
    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert got == ["first", "outer", "in the middle", "outer"]
