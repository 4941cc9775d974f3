"""What the options of the commands say, as small values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from inference.surface import Options

Mode = Literal["chat", "caption", "prompted-caption", "vqa", "classify", "few-shot", "story"]
Quantization = Literal["none", "8bit", "4bit"]
Dtype = Literal["float32", "bfloat16", "float16"]
RankBy = Literal["rank", "generation"]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which checkpoint, and how it is loaded."""

    checkpoint: str
    quantization: Quantization = "none"
    device: str | None = None
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the person wants otherwise than the task's own options; None leaves the task's."""

    max_new_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None

    def applied_to(self, options: Options) -> Options:
        """`options` with these changes.

        Raises:
            OptionsError: a value is outside its range.
        """
        changes: dict[str, Any] = {
            name: value
            for name in ("max_new_tokens", "temperature", "seed")
            if (value := getattr(self, name)) is not None
        }
        if self.temperature:
            changes["num_beams"] = 1  # beams take the likeliest text, so who asks for variety wants none
        return replace(options, **changes)


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """The mode of `ask` and the options that belong to one mode each, as typed."""

    mode: Mode = "chat"
    labels: str | None = None
    by: RankBy | None = None
    prefix: str | None = None
    examples: tuple[str, ...] = ()
