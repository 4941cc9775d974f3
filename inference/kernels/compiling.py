"""Kernels in CUDA C++: NVRTC compiles them when they are first needed, and the driver starts them.

Both are reached through NVIDIA's `cuda.bindings`, which torch's builds for CUDA install, as they do NVRTC; no
compiler has to be on the machine.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch

from inference.kernels.tensor_maps import TensorMap

log = logging.getLogger(__name__)


def can_compile() -> bool:
    """Whether what compiles can be loaded, as beside a torch for CUDA on Linux; if not, the log says why."""
    if sys.platform != "linux" or torch.version.cuda is None:
        return False
    try:
        from cuda.bindings import nvrtc

        _checked(nvrtc.nvrtcVersion())  # It is the first call that loads the library.
    except (ImportError, RuntimeError):
        log.warning("NVRTC, which compiles kernels, cannot be loaded: slower ones are used.", exc_info=True)
        return False
    return True


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel on a device, ready to be started."""

    function: Any
    threads: int
    shared: int
    """Bytes of a program's dynamic shared memory."""

    def __call__(self, programs: int, arguments: Sequence[torch.Tensor | int | TensorMap]) -> None:
        """Starts it in torch's current stream, before the kernel in front has ended: see `launching`.

        A tensor's address is a pointer's value, a number that of an int, and a map's that of a structure.
        """
        from cuda.bindings import driver

        config = driver.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = programs, 1, 1
        config.blockDimX, config.blockDimY, config.blockDimZ = self.threads, 1, 1
        config.sharedMemBytes = self.shared
        config.hStream = torch.cuda.current_stream().cuda_stream
        early = driver.CUlaunchAttribute()
        early.id = driver.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION
        early.value.programmaticStreamSerializationAllowed = 1
        config.attrs, config.numAttrs = [early], 1
        values = tuple(one.data_ptr() if isinstance(one, torch.Tensor) else one for one in arguments)
        types = tuple(_type(one) for one in arguments)
        _checked(driver.cuLaunchKernelEx(config, self.function, (values, types), 0))


def _type(argument: torch.Tensor | int | TensorMap) -> type | None:
    """What the bindings are to make of an argument; `None` is a structure that is passed as it is."""
    if isinstance(argument, TensorMap):
        return None
    return ctypes.c_void_p if isinstance(argument, torch.Tensor) else ctypes.c_int


def kernel(cubin: bytes, name: str, threads: int, shared: int) -> Kernel:
    """The kernel of this name, on torch's current device."""
    from cuda.bindings import driver

    torch.cuda.current_stream()  # torch has made the device's context by then.
    module = _checked(driver.cuModuleLoadData(cubin))
    function = _checked(driver.cuModuleGetFunction(module, name.encode()))
    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    _checked(driver.cuFuncSetAttribute(function, attribute, shared))
    return Kernel(function, threads, shared)


@cache
def compiled(name: str, architecture: str, definitions: tuple[tuple[str, str | int], ...]) -> bytes:
    """The machine code (cubin) of a file of this folder for an architecture such as "sm_90".

    The file may include the others named `*.cuh`; the definitions are of macros. Raises `RuntimeError` with
    NVRTC's log.
    """
    from cuda.bindings import nvrtc

    folder = files("inference.kernels")
    headers = [file for file in folder.iterdir() if file.name.endswith(".cuh")]
    options = [f"--gpu-architecture={architecture}", "--std=c++17", *(f"-D{k}={v}" for k, v in definitions)]
    program = _checked(
        nvrtc.nvrtcCreateProgram(
            folder.joinpath(name).read_bytes(),
            name.encode(),
            len(headers),
            [header.read_bytes() for header in headers],
            [header.name.encode() for header in headers],
        )
    )
    (status,) = nvrtc.nvrtcCompileProgram(program, len(options), [option.encode() for option in options])
    if status:
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
        _checked(nvrtc.nvrtcGetProgramLog(program, log))
        raise RuntimeError(f"NVRTC: {status.name}\n{log.decode().rstrip(chr(0))}")
    cubin: bytes = b" " * _checked(nvrtc.nvrtcGetCUBINSize(program))
    _checked(nvrtc.nvrtcGetCUBIN(program, cubin))
    _checked(nvrtc.nvrtcDestroyProgram(program))
    return cubin


def _checked(answer: tuple[Any, ...]) -> Any:
    """What follows the status in an answer of CUDA's."""
    status, *rest = answer
    if status:
        raise RuntimeError(f"CUDA: {status.name}")
    return rest[0] if rest else None
