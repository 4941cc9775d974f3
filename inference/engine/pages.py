"""Keys and values in pages: the tensors on the device, and who uses which page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from inference.engine.transfers import upload
from inference.kernels.limits import PAGE_SIZE as PAGE_SIZE


@dataclass(frozen=True, slots=True)
class PagedLayer:
    """One layer's keys and values, each (pages, `PAGE_SIZE`, heads, head dimension).

    Page 0 belongs to nobody: what rows without a sequence write goes there.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def write(self, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores tokens' keys and values, each (tokens, heads, head dimension), at `slots` (tokens).

        A slot is page * `PAGE_SIZE` + place in the page, int64.
        """
        self.keys.flatten(0, 1).index_copy_(0, slots, keys)
        self.values.flatten(0, 1).index_copy_(0, slots, values)


class PagedLayers:
    """Empty pages for several layers; those of one device lie in one tensor, to be copied at once.

    Args:
        devices: where each layer's pages are to be.
    """

    def __init__(
        self, devices: Sequence[torch.device], pages: int, heads: int, head_dim: int, dtype: torch.dtype
    ) -> None:
        self._stacks = [
            torch.zeros(len(list(same)), 2, pages, PAGE_SIZE, heads, head_dim, dtype=dtype, device=device)
            for device, same in groupby(devices)
        ]
        self.layers = [PagedLayer(keys, values) for stack in self._stacks for keys, values in stack]

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Copies whole pages in all layers."""
        for stack in self._stacks:
            stack.index_copy_(
                2, _uploaded(targets, stack.device), stack[:, :, _uploaded(sources, stack.device)]
            )

    def clear(self, pages: Sequence[int]) -> None:
        """Zeros in whole pages of all layers."""
        for stack in self._stacks if pages else ():
            stack.index_fill_(2, _uploaded(pages, stack.device), 0.0)


def _uploaded(pages: Sequence[int], device: torch.device) -> torch.Tensor:
    return upload(torch.tensor(pages, dtype=torch.int64), device)


class FreeList:
    """Which of some numbers are free, and where something is left of their last users."""

    def __init__(self, numbers: range) -> None:
        self._free = list(reversed(numbers))
        self._left: set[int] = set()

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> int:
        number = self._free.pop()
        self._left.discard(number)
        return number

    def give_back(self, number: int) -> None:
        self._free.append(number)
        self._left.add(number)

    def left(self) -> list[int]:
        """The free numbers where something is left of their last users; they are named once."""
        left, self._left = sorted(self._left), set()
        return left


class PagePool:
    """Which pages are free, and how many users each of the others has."""

    def __init__(self, pages: int) -> None:
        self.unused = FreeList(range(1, pages))
        self._users = [0] * pages

    @property
    def free(self) -> int:
        """Pages that there are to be taken."""
        return len(self.unused)

    @property
    def size(self) -> int:
        """Pages that there are for sequences, free or not."""
        return len(self._users) - 1

    def take(self, count: int) -> list[int]:
        """`count` pages with one user each; so many are free."""
        taken = [self.unused.take() for _ in range(count)]
        for page in taken:
            self._users[page] = 1
        return taken

    def share(self, pages: Iterable[int]) -> None:
        """Adds a user to each of the pages."""
        for page in pages:
            self._users[page] += 1

    def users(self, page: int) -> int:
        return self._users[page]

    def release(self, pages: Iterable[int]) -> None:
        """Takes a user from each of the pages; without users they are free."""
        for page in pages:
            self._users[page] -= 1
            if self._users[page] == 0:
                self.unused.give_back(page)


def pages_for(tokens: int) -> int:
    return -(-tokens // PAGE_SIZE)
