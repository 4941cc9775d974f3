from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from inference.kernels import compiling
from inference.kernels.tensor_maps import TensorMap


def test_a_torch_without_cuda_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert not compiling.can_compile()


def without_library() -> ModuleType:
    """The bindings, which load the library only when they are first called."""

    def fail() -> None:
        raise RuntimeError("Failure finding libnvrtc.so")

    bindings = ModuleType("cuda.bindings")
    vars(bindings)["nvrtc"] = SimpleNamespace(nvrtcVersion=fail)
    return bindings


@pytest.mark.parametrize("bindings", [None, without_library()], ids=["no bindings", "no library"])
def test_a_compiler_that_cannot_be_loaded_compiles_nothing(
    bindings: ModuleType | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    assert not compiling.can_compile()
    assert "NVRTC" in caplog.text


def test_arguments_have_the_types_of_the_kernel() -> None:
    types = [compiling._type(one) for one in (torch.zeros(1), 7, TensorMap())]
    assert types == [ctypes.c_void_p, ctypes.c_int, None]


@pytest.mark.skipif(not compiling.can_compile(), reason="no torch for CUDA")
def test_what_does_not_compile_says_why() -> None:
    with pytest.raises(RuntimeError, match="KIND"):
        compiling.compiled("nf4_hopper.cu", "sm_90", ())
