"""How many pages and pictures the devices have memory for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from inference.memory import free_bytes

CPU_CONTEXT_BYTES = 2**29
CPU_PICTURE_BYTES = 2**26
CUDA_WORKING_BYTES = 3 * 2**29
"""Left for what passes compute with, however small the device. By the shapes of 9B in 4 bits the recordings
of steps, prompts and the encoder keep 0.5 GB of it, a pass of 2,048 tokens takes 0.3 GB and pages on their
way to others 0.1 GB; the rest is for what torch rounds up and keeps."""


class Budget:
    """What conversations and pictures get of what each device has left after loading."""

    def __init__(self, free: dict[torch.device, int], *, is_cuda: bool) -> None:
        self._free = free
        self._is_cuda = is_cuda

    @classmethod
    def of(cls, devices: set[torch.device], *, is_cuda: bool) -> Budget:
        """By what is free now."""
        return cls({device: free_bytes(device) for device in devices}, is_cuda=is_cuda)

    def pages(self, layers: Sequence[torch.device], of_a_layer: int) -> int:
        """How many pages of conversations there is memory for.

        Args:
            layers: the device of each layer.
            of_a_layer: bytes of a page in one layer.
        """
        return _fitting(
            {each: self._for_context(free) for each, free in self._free.items()}, layers, of_a_layer
        )

    def pictures(self, layers: Sequence[torch.device], of_a_layer: int) -> int:
        """How many pictures there is memory for; arguments as for `pages`."""
        return _fitting(
            {each: self._for_pictures(free) for each, free in self._free.items()}, layers, of_a_layer
        )

    def _for_context(self, free: int) -> int:
        if self._is_cuda:
            return min(free * 3 // 4, free - self._for_pictures(free) - CUDA_WORKING_BYTES)
        return min(CPU_CONTEXT_BYTES, free // 8)

    def _for_pictures(self, free: int) -> int:
        return free // 15 if self._is_cuda else CPU_PICTURE_BYTES


def _fitting(room: dict[torch.device, int], layers: Sequence[torch.device], of_a_layer: int) -> int:
    return min(room[device] // (of_a_layer * count) for device, count in Counter(layers).items())
