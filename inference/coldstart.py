"""What one person waits for: a new process, a checkpoint, one picture, one answer.

Run as `python -m inference.coldstart CHECKPOINT`: loads it on the CPU, asks about a picture and prints one
line of JSON. The times are those of the clock (seconds since the epoch), so that the process that started
this one can subtract the moment when it did.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass

from PIL import Image, ImageDraw

from inference import Options, load_engine, tasks

ANSWER_TOKENS = 15


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds and bytes of a new process."""

    load: float
    """Until the engine could be asked, imports included."""
    first_token: float
    """From asking to the first token."""
    answer: float
    """From asking to the end of an answer of at most `ANSWER_TOKENS` tokens."""
    tokens: int
    peak_memory: int | None
    """Bytes; None where the system does not say."""

    @property
    def tokens_per_second(self) -> float | None:
        """After the first token; None if there was no second."""
        rest = self.answer - self.first_token
        return (self.tokens - 1) / rest if self.tokens > 1 and rest > 0 else None


def measure_cold_start(checkpoint: str) -> ColdStart:
    """Starts a new process and waits for its answer.

    Raises:
        subprocess.CalledProcessError: it failed; it has printed why.
    """
    started = time.time()
    command = [sys.executable, "-m", "inference.coldstart", checkpoint]
    noted = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return ColdStart(
        load=noted["loaded"] - started,
        first_token=noted["first_token"] - noted["loaded"],
        answer=noted["answered"] - noted["loaded"],
        tokens=noted["tokens"],
        peak_memory=noted["peak_memory"],
    )


async def _answer_once(checkpoint: str) -> dict[str, float | int | None]:
    async with load_engine(checkpoint, device="cpu") as engine:
        loaded = time.time()
        first_token = None
        # A story is the answer that does not end before it is long enough.
        prompt = tasks.story(_drawing()).prompt
        stream = engine.stream(prompt, Options(max_new_tokens=ANSWER_TOKENS))
        async for _ in stream:
            first_token = first_token or time.time()
        answered = time.time()
        assert stream.reply is not None
        return {
            "loaded": loaded,
            "first_token": first_token or answered,
            "answered": answered,
            "tokens": stream.reply.completion_tokens,
            "peak_memory": _peak_memory(),
        }


def _drawing() -> Image.Image:
    """A red circle beside a blue square."""
    picture = Image.new("RGB", (192, 192), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((8, 70, 58, 120), fill="red")
    pen.rectangle((134, 70, 184, 120), fill="blue")
    return picture


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_answer_once(sys.argv[1]))))
