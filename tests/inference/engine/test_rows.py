"""What belongs to a row of the running batch comes, moves and goes with its sequence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from inference import Options
from inference.engine.machine import Machine
from inference.engine.rows import Placement, Rows
from tests.inference.checkpoints import CONTEXT, small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY

DRAWN = Options(temperature=0.5, top_p=0.75, top_k=5, repetition_penalty=1.25)
WIDTH = CONTEXT // 16


@pytest.fixture
def rows() -> Rows:
    return Machine(small_model(small_config()), SMALL_MEMORY, ()).rows


def state(rows: Rows, row: int) -> tuple[object, ...]:
    """All that a step reads of a row, but the tokens it has seen."""
    numbers = (rows.token_ids, rows.lengths, rows.picture_lengths, rows.picture_table, rows.table)
    options = (rows.sampling.temperature, rows.sampling.top_p, rows.sampling.top_k, rows.sampling.penalty)
    return (*(each[row].tolist() for each in (*numbers, *options)), int(rows.sampling.seed[row]))


LONG = Placement(
    2, length=20, pages=[5, 6], picture=3, token_id=7, options=DRAWN, seed=2**62 + 1, seen=[4, 9, 4]
)
SHORT = Placement(0, length=3, pages=[8], picture=0, seed=5)
PLACED = (7, 20, 20, [6, 7], [5, 6, *[0] * (WIDTH - 2)], 0.5, 0.75, 5.0, 1.25, 2**62 + 1)


def test_sequences_are_put_into_rows_in_any_order(rows: Rows) -> None:
    rows.place([LONG, SHORT])
    assert state(rows, 2) == PLACED
    assert rows.sampling.seen[2].nonzero()[:, 0].tolist() == [4, 9]
    vocabulary = rows.sampling.seen.shape[1]
    assert state(rows, 0) == (0, 3, 0, [0, 1], [8, *[0] * (WIDTH - 1)], 0.0, 1.0, float(vocabulary), 1.0, 5)
    assert int(rows.lengths[1]) == 0


def test_nothing_is_left_of_who_was_in_the_row_before(rows: Rows) -> None:
    rows.place([Placement(2, length=200, pages=range(1, 14), picture=4, options=DRAWN, seen=[1, 2, 3])])
    rows.place([LONG])
    assert state(rows, 2) == PLACED
    assert rows.sampling.seen[2].nonzero()[:, 0].tolist() == [4, 9]


def test_a_sequence_moves_with_its_options_and_leaves_an_empty_row(rows: Rows) -> None:
    rows.place([LONG, SHORT])
    rows.move(2, 0)
    assert state(rows, 0) == PLACED
    assert rows.sampling.seen[0].nonzero()[:, 0].tolist() == [4, 9]
    for numbers in (rows.token_ids, rows.lengths, rows.picture_lengths, rows.picture_table, rows.table):
        assert not numbers[2].any()
    assert (float(rows.sampling.temperature[2]), float(rows.sampling.penalty[2])) == (0.0, 1.0)


def test_rows_without_a_sequence_stay_as_they_are(rows: Rows) -> None:
    """They take part in steps whose number of rows was recorded; what they compute goes to page 0."""
    rows.place([Placement(0, length=3, pages=[8], picture=0, token_id=300)])
    before = [layer.keys.clone() for layer in rows._own]
    with torch.no_grad():
        rows.step(4, greedy=True)
    assert rows.lengths.tolist()[:4] == [4, 0, 0, 0]
    assert int(rows.token_ids[0]) == int(rows.chosen[0]) >= 0
    for layer, keys in zip(rows._own, before, strict=True):
        changed = (layer.keys != keys).flatten(1).any(dim=1).nonzero()[:, 0].tolist()
        assert set(changed) <= {0, 8}
        assert 8 in changed


def test_a_row_that_is_no_number_is_told_and_goes_on_with_a_token_that_there_is(rows: Rows) -> None:
    logits = torch.zeros(2, rows.sampling.seen.shape[1])
    logits[0] = torch.nan
    logits[1, 17] = 1.0
    rows.place([SHORT, LONG])
    assert rows.begin([0, 2], logits, greedy=False).tolist() == [-1, 17]
    assert (int(rows.token_ids[0]), int(rows.token_ids[2])) == (0, 17)
    assert (int(rows.lengths[0]), int(rows.lengths[2])) == (4, 21)
    assert bool(rows.sampling.seen[2, 17])


@pytest.mark.parametrize(("most_rows", "buckets"), [(6, (1, 4)), (3, (1, 2, 4, 8)), (80, (64,))])
def test_a_step_has_the_least_number_of_rows_that_was_recorded(
    monkeypatch: pytest.MonkeyPatch, most_rows: int, buckets: tuple[int, ...]
) -> None:
    settings = replace(SMALL_MEMORY, most_rows=most_rows, buckets=buckets)
    machine = Machine(small_model(small_config()), settings, ())
    machine.pads_rows = True
    taken: list[int] = []
    monkeypatch.setattr(Rows, "step", lambda _, rows, greedy: taken.append(rows))
    numbers = sorted({1, 2, most_rows - 1, most_rows})
    for number in numbers:
        machine.step(number, greedy=True)
    recorded = {each for each in buckets if each < most_rows} | {most_rows}
    assert taken == [min(each for each in recorded if each >= number) for number in numbers]
