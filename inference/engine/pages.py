"""Keys and values in pages: the tensors on the device, and who uses which page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

PAGE_SIZE = 16
"""Tokens."""


@dataclass(frozen=True, slots=True)
class PagedLayer:
    """One layer's keys and values, each (pages, `PAGE_SIZE`, heads, head dimension).

    Page 0 belongs to nobody: what rows without a sequence write goes there.
    """

    keys: torch.Tensor
    values: torch.Tensor

    @classmethod
    def empty(cls, pages: int, heads: int, head_dim: int, like: torch.Tensor) -> PagedLayer:
        """Zeros of the type and on the device of `like`."""
        both = like.new_zeros(2, pages, PAGE_SIZE, heads, head_dim)
        return cls(both[0], both[1])

    def write(self, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores tokens' keys and values, each (tokens, heads, head dimension), at `slots` (tokens).

        A slot is page * `PAGE_SIZE` + place in the page, int64.
        """
        self.keys.flatten(0, 1).index_copy_(0, slots, keys)
        self.values.flatten(0, 1).index_copy_(0, slots, values)

    def copy(self, sources: torch.Tensor, targets: torch.Tensor) -> None:
        """Copies whole pages."""
        self.keys.index_copy_(0, targets, self.keys[sources])
        self.values.index_copy_(0, targets, self.values[sources])

    def clear(self, pages: torch.Tensor) -> None:
        """Zeros in whole pages."""
        self.keys.index_fill_(0, pages, 0.0)
        self.values.index_fill_(0, pages, 0.0)


class OutOfPages(Exception):  # noqa: N818 - it is met by waiting
    """There are not enough free pages now."""


class PagePool:
    """Which pages are free, and how many users each of the others has."""

    def __init__(self, pages: int) -> None:
        self._free = list(range(pages - 1, 0, -1))
        self._users = [0] * pages

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def size(self) -> int:
        """Pages that there are for sequences, free or not."""
        return len(self._users) - 1

    def take(self, count: int) -> list[int]:
        """`count` pages with one user each.

        Raises:
            OutOfPages: fewer are free.
        """
        if count > len(self._free):
            raise OutOfPages
        taken = [self._free.pop() for _ in range(count)]
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
                self._free.append(page)


def pages_for(tokens: int) -> int:
    return -(-tokens // PAGE_SIZE)
