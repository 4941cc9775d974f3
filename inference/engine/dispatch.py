"""Where Triton's kernels are used and where torch's own operations."""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from sysconfig import get_paths

import torch

log = logging.getLogger(__name__)


def uses_kernels(x: torch.Tensor) -> bool:
    """Whether what is done with `x` has a kernel where `x` lies."""
    return x.is_cuda and _runs_kernels(x.device)


@cache
def _runs_kernels(device: torch.device) -> bool:
    """Triton comes with torch for NVIDIA GPUs on Linux, and compiles for those from Ampere on."""
    if find_spec("triton") is None or torch.cuda.get_device_capability(device) < (8, 0):
        return False
    if not _can_compile():
        log.warning(
            "Without a C compiler and the headers of Python the fast kernels cannot be used: "
            "install gcc and, on Debian, python3-dev."
        )
        return False
    return True


def _can_compile() -> bool:
    """Whether there is what Triton starts its kernels with, which it compiles on the machine."""
    compiler = os.environ.get("CC") or which("gcc") or which("clang")
    return compiler is not None and Path(get_paths()["include"], "Python.h").exists()
