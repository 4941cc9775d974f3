from __future__ import annotations

import ctypes

import pytest
import torch

from inference.kernels import compiling
from inference.kernels.tensor_maps import TensorMap


def test_a_torch_without_cuda_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert not compiling.can_compile()


def test_arguments_have_the_types_of_the_kernel() -> None:
    types = [compiling._type(one) for one in (torch.zeros(1), 7, TensorMap())]
    assert types == [ctypes.c_void_p, ctypes.c_int, None]


@pytest.mark.skipif(not compiling.can_compile(), reason="no torch for CUDA")
def test_what_does_not_compile_says_why() -> None:
    with pytest.raises(RuntimeError, match="KIND"):
        compiling.compiled("nf4_hopper.cu", "sm_90", ())
