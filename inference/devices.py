"""Where a model runs, and in which type it computes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from inference.errors import OptionsError

# Below this a layer is done before a second thread has begun. On two cores that other programs used too, a
# token of the built-in model took 300 ms with two threads, which wait for each other, and 15 ms with one.
ONE_THREAD_BYTES = 100 * 2**20
THREADS = torch.get_num_threads()
"""Those that torch uses unless told otherwise: one for each core, or as many as the environment says."""
MOST_THREADS = 4
"""That compute side by side: what Python does for each is done by one at a time."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(device: torch.device | str | None) -> torch.device | None:
    """The device asked for; None, meaning all accelerators together, or else the CPU if none was.

    Raises:
        OptionsError: there is no such device.
    """
    if device is None:
        return None if torch.accelerator.is_available() else torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise OptionsError(f"device must be such as 'cuda:0' or 'cpu', not {device!r}.") from error
    if chosen.type == "cpu":
        return chosen
    current = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if (
        current is None
        or chosen.type != current.type
        or (chosen.index or 0) >= torch.accelerator.device_count()
    ):
        raise OptionsError(
            f"This machine has no device {str(chosen)!r}: leave device out to use what there is."
        )
    return chosen


def choose_dtype(dtype: torch.dtype | str | None, device: torch.device | None, *, small: bool) -> torch.dtype:
    """The type asked for, or the best for the device if none was.

    Args:
        small: the model gains nothing from a type of 16 bits on a CPU.

    Raises:
        OptionsError: it is not one of `DTYPES`.
    """
    if dtype is None:
        on_cpu = device is not None and device.type == "cpu"
        slow = small or not _has_fast_bfloat16()
        return torch.float32 if on_cpu and slow else torch.bfloat16
    chosen = DTYPES.get(str(dtype).removeprefix("torch."))
    if chosen is None:
        raise OptionsError(f"dtype must be one of {', '.join(DTYPES)}, not {str(dtype)!r}.")
    return chosen


def _has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; else torch emulates it, slower than float32."""
    # Earlier releases of torch do not say; float32 is never wrong.
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def settle_threads(model: torch.nn.Module) -> None:
    """Has a small model on the CPU computed on one thread, here and where torch begins to be used later."""
    weights = list(model.parameters())
    on_cpu = all(weight.device.type == "cpu" for weight in weights)
    if on_cpu and sum(weight.nbytes for weight in weights) < ONE_THREAD_BYTES:
        torch.set_num_threads(1)


def idle_threads() -> int:
    """How many times the threads that torch computes with there could be: several for a small model only."""
    return max(1, min(MOST_THREADS, THREADS // torch.get_num_threads()))
