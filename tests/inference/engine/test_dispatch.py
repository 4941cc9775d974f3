from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.engine import dispatch

GPU = torch.device("cuda", 0)


@pytest.fixture
def hopper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A GPU that Triton compiles for, and all that it needs for that; returns Python's headers."""
    monkeypatch.setattr(dispatch, "find_spec", lambda _: object())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(dispatch, "which", lambda name: "/usr/bin/gcc" if name == "gcc" else None)
    monkeypatch.setattr(dispatch, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.delenv("CC", raising=False)
    (tmp_path / "Python.h").touch()
    dispatch._runs_kernels.cache_clear()
    return tmp_path


def test_kernels_are_used_where_triton_can_compile_them(
    hopper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dispatch._runs_kernels(GPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert not dispatch._runs_kernels(torch.device("cuda", 1))


def test_without_a_compiler_or_headers_torchs_operations_are_used_and_the_log_says_why(
    hopper: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "which", lambda _: None)
    assert not dispatch._runs_kernels(GPU)
    assert "install gcc" in caplog.text
    monkeypatch.setenv("CC", "cc")
    dispatch._runs_kernels.cache_clear()
    assert dispatch._runs_kernels(GPU)
    (hopper / "Python.h").unlink()
    dispatch._runs_kernels.cache_clear()
    assert not dispatch._runs_kernels(GPU)
