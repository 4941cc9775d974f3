"""How kernels are started: where the device can, the next one begins before the last has ended.

A decode step is some 350 kernels in a row. Started the ordinary way each waits until the one before it has
left the device, and the memory stands still meanwhile. With programmatic dependent launch (NVIDIA GPUs from
compute capability 9.0 on) a kernel is put in place early, may read what no kernel writes, the weights, and
waits only then (`gdc_wait`) for what the one before it has written.

Every kernel started so must wait before its first other access, also in programs that turn out to have
nothing to do: whoever follows takes a kernel's end for the end of all before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
import triton

P = ParamSpec("P")
R = TypeVar("R")


def on_its_device(
    start: Callable[Concatenate[torch.Tensor, P], R],
) -> Callable[Concatenate[torch.Tensor, P], R]:
    """Has kernels started on the device of the first argument; Triton does not look where arguments lie."""

    @wraps(start)
    def started(x: torch.Tensor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not x.is_cuda:
            return start(x, *args, **kwargs)
        with torch.cuda.device(x.device):
            return start(x, *args, **kwargs)

    return started


def overlapping(x: torch.Tensor) -> dict[str, Any]:
    """Arguments for the start of a kernel on the device of `x`; `PDL` tells the kernel to wait."""
    return {"PDL": True, "launch_pdl": True} if x.is_cuda and _can(x.device) else {"PDL": False}


@cache
def _can(device: torch.device) -> bool:
    return torch.version.hip is None and torch.cuda.get_device_capability(device) >= (9, 0)


@cache
def shared_memory(device: torch.device) -> int:
    """Bytes that a program can have of a multiprocessor's own memory; without a GPU there is no limit."""
    if device.type != "cuda":
        return sys.maxsize
    properties = triton.runtime.driver.active.utils.get_device_properties(device.index or 0)
    return int(properties["max_shared_mem"])
