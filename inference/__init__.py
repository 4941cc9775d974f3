"""The model: texts and pictures in, answers out. Usable on its own; see `load_engine`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.errors import (
        CheckpointError,
        DeviceError,
        EngineError,
        InferenceError,
        OptionsError,
        PictureError,
        PromptError,
        QueueFullError,
    )
    from inference.progress import Progress
    from inference.prompt import END_OF_UTTERANCE, Generated, Prompt, PromptItem
    from inference.settings import EngineSettings
    from inference.starting import EngineLoader, load_engine
    from inference.surface import Engine, Options, Reply, ReplyStream

# Names are looked up when they are first used, so that importing one part does not import the others.
_HOMES = {
    "inference.errors": (
        "CheckpointError",
        "DeviceError",
        "EngineError",
        "InferenceError",
        "OptionsError",
        "PictureError",
        "PromptError",
        "QueueFullError",
    ),
    "inference.progress": ("Progress",),
    "inference.prompt": ("END_OF_UTTERANCE", "Generated", "Prompt", "PromptItem"),
    "inference.settings": ("EngineSettings",),
    "inference.starting": ("EngineLoader", "load_engine"),
    "inference.surface": ("Engine", "Options", "Reply", "ReplyStream"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "END_OF_UTTERANCE",
    "CheckpointError",
    "DeviceError",
    "Engine",
    "EngineError",
    "EngineLoader",
    "EngineSettings",
    "Generated",
    "InferenceError",
    "Options",
    "OptionsError",
    "PictureError",
    "Progress",
    "Prompt",
    "PromptError",
    "PromptItem",
    "QueueFullError",
    "Reply",
    "ReplyStream",
    "load_engine",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
