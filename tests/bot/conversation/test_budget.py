from __future__ import annotations

import pytest

from bot.conversation.budget import MAX_PICTURES, Budget
from bot.conversation.messages import Photo
from bot.conversation.turns import Exchange
from tests.fake_engine import FakeEngine

RED = Photo("a" * 64, 8, 8)


def talk(count: int, *, pictures_at: tuple[int, ...] = ()) -> list[Exchange]:
    """Exchanges that cost 16 tokens each, and a question."""
    found = [
        Exchange(number, (*[RED] * (number in pictures_at), f"q{number} five more words"), ("a " * 8,))
        for number in range(1, count + 1)
    ]
    return [*found, Exchange(count + 1, ("and now?",))]


def test_everything_is_shown_while_it_fits() -> None:
    exchanges = talk(10)
    assert Budget(FakeEngine(), base=False).fit(1, exchanges, 100) == exchanges


def test_prompts_begin_alike_until_they_are_cut_down_to_half() -> None:
    budget = Budget(FakeEngine(context_length=400), base=False)
    starts = []
    lengths = []
    for count in range(60):
        shown = budget.fit(1, talk(count), 100)
        assert shown == talk(count)[-len(shown) :]
        starts.append(shown[0].id)
        lengths.append(len(shown))
    cuts = [at for at in range(1, 60) if starts[at] != starts[at - 1]]
    # Each cut leaves room for as many further questions as were kept.
    assert 2 <= len(cuts) <= 60 // (max(lengths) // 2 - 1)
    for cut in cuts:
        assert lengths[cut] <= max(lengths) // 2 + 1
        assert lengths[cut - 1] == max(lengths)


def test_each_place_is_cut_by_itself() -> None:
    budget = Budget(FakeEngine(context_length=400), base=False)
    assert len(budget.fit(1, talk(40), 100)) < 15
    assert len(budget.fit(2, talk(12), 100)) == 13


def test_the_newest_picture_stays() -> None:
    budget = Budget(FakeEngine(context_length=400), base=False)
    shown = budget.fit(1, talk(40, pictures_at=(2, 5)), 100)
    assert shown[0].id == 5
    assert shown[1].id > 30


def test_the_newest_picture_stays_even_if_its_words_cannot() -> None:
    budget = Budget(FakeEngine(context_length=100), base=False)
    long = Exchange(1, (RED, "word " * 90), ("Yes.",))
    question = Exchange(2, ("and now?",))
    assert budget.fit(1, [long, question], 20) == [Exchange(2, (RED, "and now?"))]


def test_no_more_pictures_than_the_model_looks_at() -> None:
    budget = Budget(FakeEngine(), base=False)
    exchanges = talk(30, pictures_at=tuple(range(31)))
    shown = budget.fit(1, exchanges, 100)
    assert sum(len(exchange.photos) for exchange in shown) == MAX_PICTURES // 2
    assert shown == exchanges[-len(shown) :]


def test_a_question_that_is_too_long_is_left_to_the_engine() -> None:
    budget = Budget(FakeEngine(context_length=100), base=False)
    question = Exchange(9, ("word " * 200,))
    assert budget.fit(1, [*talk(3)[:-1], question], 20) == [question]


def test_more_than_was_read_counts_as_too_long() -> None:
    budget = Budget(FakeEngine(context_length=100_000), base=False)
    exchanges = talk(100)
    first = budget.fit(1, exchanges, 100, cut_off=False)
    assert len(first) == 101
    # The first one has fallen out of what is read.
    later = budget.fit(1, exchanges[1:], 100, cut_off=True)
    assert len(later) <= 100


@pytest.mark.parametrize("base", [False, True])
def test_what_was_counted_is_not_counted_again(base: bool) -> None:
    engine = FakeEngine()
    budget = Budget(engine, base=base)
    exchanges = talk(50)
    budget.fit(1, exchanges, 100)
    counted = engine.counted
    budget.fit(1, [*exchanges, Exchange(99, ("new",))], 100)
    assert engine.counted == counted + 1
