"""What one person waits for: a new process, a checkpoint, one picture, one answer.

Run as `python -m inference.coldstart CHECKPOINT DEVICE`: loads it there, asks about a picture and prints one
line of JSON. The times are those of the clock (seconds since the epoch), so that the process that started
this one can subtract the moment when it did.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from inference import Options, Progress, load_engine, tasks
from inference.memory import GB
from inference.progress import LOADING_WEIGHTS

if TYPE_CHECKING:
    from inference.loading import LoadedCheckpoint

ANSWER_TOKENS = 15


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds and bytes of a new process."""

    load: float
    """Until the engine could be asked, imports included."""
    weights: float
    """Of these, while the weights were read."""
    first_token: float
    """From asking to the first token."""
    answer: float
    """From asking to the end of an answer of at most `ANSWER_TOKENS` tokens."""
    tokens: int
    peak_memory: int | None
    """Bytes of the host; None where the system does not say."""

    @property
    def tokens_per_second(self) -> float | None:
        """After the first token; None if there was no second."""
        rest = self.answer - self.first_token
        return (self.tokens - 1) / rest if self.tokens > 1 and rest > 0 else None

    def __str__(self) -> str:
        memory = f"{self.peak_memory / GB:.2f} GB" if self.peak_memory is not None else "unknown"
        rate = f"{self.tokens_per_second:.1f}" if self.tokens_per_second is not None else "unknown"
        return (
            f"A new process, one picture, an answer of {self.tokens} tokens:\n"
            f"load {self.load:.2f} s (weights {self.weights:.2f} s), first token {self.first_token:.2f} s, "
            f"answer {self.answer:.2f} s, tokens/s {rate}, peak memory {memory}"
        )


def measure_cold_start(checkpoint: str, device: str) -> ColdStart:
    """Starts a new process and waits for its answer.

    Raises:
        subprocess.CalledProcessError: it failed; it has printed why.
    """
    started = time.time()
    command = [sys.executable, "-m", "inference.coldstart", checkpoint, device]
    noted = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return ColdStart(
        load=noted["loaded"] - started,
        weights=noted["weights"],
        first_token=noted["first_token"] - noted["loaded"],
        answer=noted["answered"] - noted["loaded"],
        tokens=noted["tokens"],
        peak_memory=noted["peak_memory"],
    )


def measure_cold_start_of(loaded: LoadedCheckpoint, device: str) -> ColdStart:
    """Saves what is loaded for as long as it takes to measure it."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        loaded.model.save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)
        settings = {"image_size": loaded.preprocessor.size}
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return measure_cold_start(folder, device)


async def _answer_once(checkpoint: str, device: str) -> dict[str, float | int | None]:
    reading: list[float] = []

    def note(progress: Progress) -> None:
        if progress.stage == LOADING_WEIGHTS:
            reading.append(time.time())

    async with load_engine(checkpoint, device=device, progress=note) as engine:
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
            "weights": reading[-1] - reading[0],
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
    print(json.dumps(asyncio.run(_answer_once(*sys.argv[1:]))))
