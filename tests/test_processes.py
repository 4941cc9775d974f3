from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.processes import run_to_end, running

FOR_EVER = "import os, signal; os.write(1, b'so far'); os.write(2, b' and no further'); signal.pause()"


def test_a_program_that_does_not_end_is_told_with_what_it_said() -> None:
    def failure(within: float) -> str:
        with pytest.raises(AssertionError, match="not ended within") as caught:
            run_to_end([sys.executable, "-c", FOR_EVER], within=within)
        return str(caught.value)

    # The first time in which it comes to say something.
    told = next(text for text in map(failure, (0.5, 5, 50)) if "no further" in text)
    assert told.endswith("\nso far\n and no further")


def test_the_programs_of_a_shell_go_with_it() -> None:
    reader, writer = os.pipe()
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, FOR_EVER]
    try:
        with pytest.raises(AssertionError, match="not ended"):
            run_to_end(command, stdout=writer, within=0.5)
    finally:
        os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() in (b"", b"so far"), "the end of the pipe comes when nobody holds it any more"


def test_what_a_failing_test_did_not_read_is_added_to_its_failure() -> None:
    async def fail() -> None:
        async with running(sys.executable, "-c", FOR_EVER) as process:
            assert process.stdout is not None
            assert await process.stdout.readexactly(2) == b"so"
            raise LookupError

    with pytest.raises(LookupError) as caught:
        asyncio.run(fail())
    assert caught.value.__notes__ == [" far"]
