"""Values on their way to a device."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import torch

T = TypeVar("T")


def upload(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`values`, from the host, on `device`, without waiting for what the device is doing."""
    if device.type == "cpu":
        return values
    # In a variable, where a traceback keeps it if the device fails: freed then, it would end the process.
    pinned = values.pin_memory()
    return pinned.to(device, non_blocking=True)


def to_device(value: T, device: torch.device) -> T:
    """A tensor on `device`, or a dataclass with all tensors in it there; other values as they are."""
    if isinstance(value, torch.Tensor):
        return cast(T, value.to(device))
    if is_dataclass(value):
        made: Any = type(value)
        return cast(T, made(*(to_device(getattr(value, field.name), device) for field in fields(value))))
    return value
