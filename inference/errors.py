"""The errors that callers meet; each message is one sentence for the person who asked."""

from __future__ import annotations


class InferenceError(Exception):
    """An error whose message is one sentence for the person who asked, saying what to do.

    `message` names `values` in braces, so that it can be said in another language too.
    """

    def __init__(self, message: str, /, **values: object) -> None:
        super().__init__(
            message.format(**{name: _shown(value) for name, value in values.items()}) if values else message
        )
        self.message = message
        self.values = values


class PromptError(InferenceError):
    """The prompt cannot be answered as it stands: empty, too long, or with too many pictures."""


class PictureError(InferenceError):
    """The bytes are not a picture that can be read: wrong kind, damaged, empty or too large."""


class OptionsError(InferenceError):
    """An option has a value outside its range."""


class CheckpointError(InferenceError):
    """The checkpoint is not IDEFICS, is incomplete or damaged, or does not fit the device."""


class EngineError(InferenceError):
    """The engine could not finish a request for a reason of its own; the log has the traceback."""


class DeviceError(EngineError):
    """The device failed or hangs, and only a new process can use it again."""


class QueueFullError(EngineError):
    """As many requests wait as may: ask again later."""


def _shown(value: object) -> str:
    match value:
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.3g}"
        case _:
            return str(value)
