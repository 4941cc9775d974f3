"""Importing transformers without the parts of torch that only compiling and sharding need."""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch

_COMPILER = "torch._dynamo"
# What transformers takes from the compiler while it is imported: these decorators, and one class.
_DECORATORS = frozenset({"allow_in_graph", "assume_constant_result", "disable"})
_OPERATION = f"{_COMPILER}._trace_wrapped_higher_order_op"


def import_transformers() -> None:
    """Imports what IDEFICS needs of transformers, in about half of the usual time (3 instead of 6 s).

    The rest of the time would go into torch's compiler and its distributed tensors (with sympy), which
    transformers imports for a few decorators and a type check. The compiler is imported when something
    asks for it; transformers' tensor parallelism, which a model split by `device_map` does not use, stays
    off in this process. Without effect if transformers' models were imported before, or where torchvision
    is installed: transformers imports it too, and it needs the compiler's own modules at once.
    """
    if "transformers.modeling_utils" in sys.modules or _COMPILER in sys.modules:
        return
    if importlib.util.find_spec("torchvision") is not None:
        return
    with _without_compiler(), patch.object(torch.distributed, "is_available", lambda: False), _without_gc():
        importlib.import_module("transformers.models.idefics.modeling_idefics")


@contextmanager
def _without_gc() -> Iterator[None]:
    """Imports make many objects that stay: looking through them for garbage takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Inside the block the compiler's modules are stand-ins, which import the real ones when used."""
    stand_ins = {_COMPILER: _Compiler(_COMPILER), _OPERATION: _Operation(_OPERATION)}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        _remove_stand_ins()


def _remove_stand_ins() -> None:
    for name in (_COMPILER, _OPERATION):
        if isinstance(sys.modules.get(name), _Compiler | _Operation):
            del sys.modules[name]


def _real(module: str, name: str) -> Any:
    if name.startswith("__"):  # The import system asks for `__path__` and the like.
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    _remove_stand_ins()
    return getattr(importlib.import_module(module), name)


class _Compiler(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name in _DECORATORS:
            return functools.partial(_decorate_later, name)
        return _real(_COMPILER, name)


class _Operation(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "TransformGetItemToIndex":
            return lambda: _real(_OPERATION, name)()
        return _real(_OPERATION, name)


def _decorate_later(
    decorator: str, function: Callable[..., Any] | None = None, *args: Any, **kwargs: Any
) -> Callable[..., Any]:
    """Like the compiler's decorator of that name, which is applied when the function is called."""
    if function is None:
        return functools.partial(_decorate_later, decorator, **kwargs)

    @functools.wraps(function)
    def decorated(*call_args: Any, **call_kwargs: Any) -> Any:
        apply = _real(_COMPILER, decorator)
        return apply(function, *args, **kwargs)(*call_args, **call_kwargs)

    return decorated
