"""The prefixes of conversations, and what two have in common."""

from __future__ import annotations

import pytest

from inference.engine.pages import PagePool, pages_for
from inference.engine.prefixes import LEAST_TOKENS, Prefix, PrefixCache


def prefix(token_ids: list[int], pictures: str) -> Prefix:
    """`pictures` has a letter for what each token sees, or a space."""
    names = sorted(set(pictures) - {" "})
    views = [names.index(name) if name != " " else -1 for name in pictures]
    return Prefix.of(token_ids, views, [name.encode() for name in names])


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (([1, 2, 3, 4], "    "), ([1, 2, 3, 4], "    "), 4),
        (([1, 2, 3, 4], "    "), ([1, 2, 5, 4], "    "), 2),
        (([1, 2, 3], "   "), ([1, 2, 3, 4], "    "), 3),
        (([1, 2, 3], "   "), ([9, 2, 3], "   "), 0),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " aaa"), 4),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " bbb"), 1),
        (([1, 8, 3, 8, 4], " aabb"), ([1, 8, 3, 8, 4], " aacc"), 3),
        (([1, 8, 3, 8, 4], " aabb"), ([1, 8, 3, 8, 4], " aaaa"), 3),
        (([1, 8, 3, 4], " aaa"), ([1, 8, 3, 4], " aa "), 3),
        (([], ""), ([1], " "), 0),
    ],
)
def test_the_longest_common_prefix(
    one: tuple[list[int], str], other: tuple[list[int], str], common: int
) -> None:
    assert prefix(*one).common(prefix(*other)) == common
    assert prefix(*other).common(prefix(*one)) == common


@pytest.mark.parametrize(
    ("token_ids", "pictures", "found"),
    [
        ([1] * 8 + [2] * 10, " " * 8 + "a" * 10, 18),
        ([1] * 8 + [3] * 10, " " * 18, LEAST_TOKENS),
        ([1] * 8 + [2] * 10, " " * 8 + "b" * 10, LEAST_TOKENS),
        ([1] * 8, " " * 8, LEAST_TOKENS),
        ([1] * 7 + [3] * 10, " " * 17, 0),
        ([1] * 8 + [2] * 10, " " * 7 + "a" * 11, 0),
        ([1] * 7, " " * 7, 0),
    ],
)
def test_of_a_prefix_the_least_that_is_worth_it_is_found(
    token_ids: list[int], pictures: str, found: int
) -> None:
    pool = PagePool(10)
    prefixes = PrefixCache(pool, 4)
    pages = pool.take(2)
    prefixes.remember(prefix([1] * 8 + [2] * 10, " " * 8 + "a" * 10), pages)
    prefixes.remember(prefix([1] * 8 + [4] * 10, " " * 8 + "a" * 10), pages)
    length, held = prefixes.longest(prefix(token_ids, pictures))
    assert (length, held) == (found, pages[: pages_for(found)])


def test_a_prefix_makes_way_for_one_that_goes_on_from_it() -> None:
    pool = PagePool(10)
    prefixes = PrefixCache(pool, 4)
    pages = pool.take(3)
    for length, remembered in ((20, 20), (40, 40), (30, 40), (40, 40)):
        prefixes.remember(prefix([1] * length, " " * length), pages)
        assert [len(each.token_ids) for each in prefixes] == [remembered]
    prefixes.remember(prefix([1] * 39 + [2], " " * 40), pages)
    assert len(prefixes) == 2
    prefixes.forget_in(pages[2:])
    assert len(prefixes) == len(prefixes._with_key) == 0
    pool.release(pages)
    assert pool.free == pool.size


def test_prefixes_are_forgotten_oldest_first_and_give_their_pages_back() -> None:
    pool = PagePool(10)
    prefixes = PrefixCache(pool, 2)
    for first in (1, 2):
        pages = pool.take(2)
        prefixes.remember(prefix([first] * 20, " " * 20), pages)
        pool.release(pages)
    assert prefixes.longest(prefix([1] * 30, " " * 30))[0] == 20
    pages = pool.take(1)
    prefixes.remember(prefix([3] * 7, " " * 7), pages)
    assert prefixes.longest(prefix([3] * 30, " " * 30))[0] == 0  # not worth a page
    prefixes.remember(prefix([3] * 8, " " * 8), pages)
    pool.release(pages)
    assert prefixes.longest(prefix([3] * 30, " " * 30))[0] == 8
    assert prefixes.longest(prefix([2] * 30, " " * 30))[0] == 0
    assert prefixes.longest(prefix([1] * 30, " " * 30))[0] == 20
    longer = pool.take(3)
    prefixes.remember(prefix([1] * 40, " " * 40), longer)
    pool.release(longer)
    assert len(prefixes) == 2
    while prefixes.forget():
        pass
    assert pool.free == pool.size == 9
