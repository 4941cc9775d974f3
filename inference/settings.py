"""What an engine may use of its device, and how much it takes on."""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import OptionsError


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Limits of an engine. The defaults fit a bot that has its device to itself.

    Raises:
        OptionsError: a value is outside its range; the message names it.
    """

    most_rows: int = 32
    """Answers that are generated at the same time; each beam counts as one."""
    most_waiting: int = 256
    """Requests that may wait in line; more are refused."""
    context_bytes: int | None = None
    """Memory for the keys and values of running and remembered conversations. By default three quarters of
    what the device has left after loading, and less where that is little; on a CPU an eighth of it, and
    half a gigabyte at most."""
    picture_bytes: int | None = None
    """Memory for pictures as the model sees them. By default a fifteenth of what is left; on a CPU 64 MB."""
    chunk_tokens: int | None = None
    """Prompt tokens that are read between two steps of the answers that are being generated. By default
    1,024, which should take an H200 some 30 ms with 9B, and on a CPU 128 for each thread that reads."""
    idle_chunk_tokens: int | None = None
    """The same while nobody is being answered: by default 2,048, and on a CPU 512 for each thread."""
    remembered: int = 256
    """Finished conversations that are kept as beginnings of later ones."""
    buckets: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    """Numbers of rows for which steps are recorded in advance on a GPU."""
    graphs: bool = True
    """Whether steps are recorded in advance where the device can."""
    runs_ahead: bool | None = None
    """Whether the next step is started before the outcome of the last is known; by default on GPUs only."""
    step_seconds: float = 300.0
    """A step that takes longer means that the device hangs: all requests fail."""

    def __post_init__(self) -> None:
        for name in ("most_rows", "most_waiting", "chunk_tokens", "idle_chunk_tokens", "step_seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise OptionsError(f"{name} must be above 0, not {value}.")
        if self.remembered < 0:
            raise OptionsError(f"remembered must be at least 0, not {self.remembered}.")
