"""What earlier conversations left in pages, found by the longest common prefix."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from inference.engine.pages import PagePool, pages_for

LEAST_TOKENS = 8
"""Fewer are computed again sooner than a page with them is copied."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens as their keys and values depend on them: the ids, and the picture that each one sees."""

    token_ids: NDArray[np.int32]
    views: tuple[tuple[int, bytes], ...]
    """Where each run of tokens with the same picture begins, and the picture's hash; empty for none."""

    @classmethod
    def of(
        cls, token_ids: Sequence[int], picture_of_token: Sequence[int], digests: Sequence[bytes]
    ) -> Prefix:
        """
        Args:
            picture_of_token: for each token an index in `digests`, -1 for none.
        """
        views: list[tuple[int, bytes]] = []
        previous = b"none yet"
        for position, picture in enumerate(picture_of_token):
            digest = digests[picture] if picture >= 0 else b""
            if digest != previous:
                views.append((position, digest))
                previous = digest
        return cls(np.array(token_ids, np.int32), tuple(views))

    def common(self, other: Prefix) -> int:
        """Tokens that both begin with."""
        shorter = min(len(self.token_ids), len(other.token_ids))
        differing = np.flatnonzero(self.token_ids[:shorter] != other.token_ids[:shorter])
        same = int(differing[0]) if len(differing) else shorter
        return min(same, self._common_views(other))

    def _common_views(self, other: Prefix) -> int:
        """Tokens up to the first that sees one thing here and another there; more than there are if none."""
        for mine, others in zip_longest(self.views, other.views, fillvalue=(sys.maxsize, b"")):
            if mine != others:
                return min(mine[0], others[0])
        return sys.maxsize

    @property
    def key(self) -> Hashable:
        """The first `LEAST_TOKENS` tokens: prefixes with other ones have too little in common."""
        views = tuple(view for view in self.views if view[0] < LEAST_TOKENS)
        return self.token_ids[:LEAST_TOKENS].tobytes(), views


@dataclass(eq=False, slots=True)
class _Remembered:
    prefix: Prefix
    pages: list[int]


class PrefixCache:
    """Remembered prefixes, the least recently used first to be forgotten. They use pages of the pool."""

    def __init__(self, pool: PagePool, most: int) -> None:
        self._pool = pool
        self._most = most
        self._remembered: OrderedDict[_Remembered, None] = OrderedDict()
        """The least recently used first."""
        self._with_key: defaultdict[Hashable, list[_Remembered]] = defaultdict(list)

    def longest(self, wanted: Prefix) -> tuple[int, list[int]]:
        """How many tokens of `wanted` some remembered prefix has, and the pages that hold them.

        The last page may be filled only in part. The pages may be freed by the next call of `forget`.
        """
        best, tokens = None, LEAST_TOKENS - 1
        for entry in self._with_key.get(wanted.key, ()):
            common = entry.prefix.common(wanted)
            if common > tokens:
                best, tokens = entry, common
        if best is None:
            return 0, []
        self._remembered.move_to_end(best)
        return tokens, best.pages[: pages_for(tokens)]

    def remember(self, prefix: Prefix, pages: Sequence[int]) -> None:
        """Keeps the keys and values of `prefix`, which are in `pages`."""
        tokens = len(prefix.token_ids)
        if tokens < LEAST_TOKENS or self._most == 0:
            return
        for entry in tuple(self._with_key.get(prefix.key, ())):
            common = entry.prefix.common(prefix)
            if common == tokens:
                return
            if common == len(entry.prefix.token_ids):
                self._drop(entry)
        if len(self._remembered) >= self._most:
            self.forget()
        kept = list(pages[: pages_for(tokens)])
        self._pool.share(kept)
        entry = _Remembered(prefix, kept)
        self._remembered[entry] = None
        self._with_key[prefix.key].append(entry)

    def forget_in(self, pages: Iterable[int]) -> None:
        """Forgets all prefixes that are held in some of these pages."""
        spoilt = set(pages)
        for entry in [entry for entry in self._remembered if not spoilt.isdisjoint(entry.pages)]:
            self._drop(entry)

    def forget(self) -> bool:
        """Forgets the least recently used prefix; False if there is none."""
        if not self._remembered:
            return False
        self._drop(next(iter(self._remembered)))
        return True

    def only_remembered(self) -> int:
        """Pages that would be free if all prefixes were forgotten."""
        times = Counter(page for entry in self._remembered for page in entry.pages)
        return sum(self._pool.users(page) == count for page, count in times.items())

    def __len__(self) -> int:
        return len(self._remembered)

    def __iter__(self) -> Iterator[Prefix]:
        return (entry.prefix for entry in self._remembered)

    def _drop(self, entry: _Remembered) -> None:
        del self._remembered[entry]
        key = entry.prefix.key
        self._with_key[key].remove(entry)
        if not self._with_key[key]:
            del self._with_key[key]
        self._pool.release(entry.pages)
