from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from inference.answer import Answer

END = 2


def fed(
    tokenizer: PreTrainedTokenizerBase, ids: list[int], stop: tuple[str, ...] = (), limit: int = 1000
) -> tuple[Answer, list[str]]:
    answer = Answer(tokenizer, end_ids=frozenset({END}), stop=stop, max_new_tokens=limit)
    return answer, [answer.add(token_id) for token_id in ids]


def encoded(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def test_text_before_a_stop_text_is_shown_as_soon_as_it_is_certain(
    small_tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids = encoded(small_tokenizer, "a house\nA tree\nUser: What?")
    answer, pieces = fed(small_tokenizer, ids, stop=("\nUser:",))
    assert answer.text == "".join(pieces) == "a house\nA tree"
    assert answer.finish_reason == "stop"
    assert small_tokenizer.decode(answer.token_ids) == "a house\nA tree"
    assert pieces[0] == "a"
    break_at = ids.index(encoded(small_tokenizer, "a\n")[-1])
    assert pieces[break_at] == ""
    assert pieces[break_at + 1].startswith("\n")


def test_the_earliest_of_several_stop_texts_counts(small_tokenizer: PreTrainedTokenizerBase) -> None:
    answer, _ = fed(small_tokenizer, encoded(small_tokenizer, "one, two. three"), stop=("three", ".", ","))
    assert answer.text == "one"


def test_a_token_that_reaches_into_the_stop_text_is_left_out(
    small_tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids = encoded(small_tokenizer, "a house. Question")
    last = small_tokenizer.decode(ids).removeprefix(small_tokenizer.decode(ids[:-1]))
    assert len(last) > 2
    answer, _ = fed(small_tokenizer, ids, stop=(last[-2:],))
    assert answer.text == "a house. Question"[:-2]
    assert answer.token_ids == tuple(ids[:-1])


def test_held_back_text_is_shown_when_the_answer_ends(small_tokenizer: PreTrainedTokenizerBase) -> None:
    ids = encoded(small_tokenizer, "red\nUser")
    for extra, limit, reason in (([END], 1000, "stop"), ([], len(ids), "length")):
        answer, pieces = fed(small_tokenizer, ids + extra, stop=("\nUser:",), limit=limit)
        assert "".join(pieces) == answer.text == "red\nUser"
        assert answer.finish_reason == reason
        assert answer.token_ids == tuple(ids)


def test_nothing_counts_after_the_end(small_tokenizer: PreTrainedTokenizerBase) -> None:
    ids = encoded(small_tokenizer, "blue")
    answer, pieces = fed(small_tokenizer, [*ids, END, *ids])
    assert (answer.text, answer.token_ids) == ("blue", tuple(ids))
    assert pieces[len(ids) :] == [""] * (len(ids) + 1)


@given(
    ids=st.lists(st.integers(3, 479), max_size=40),
    stop=st.lists(st.sampled_from(["a", "is", "\n", "User:", " the", "�", "ow"]), max_size=3),
)
def test_pieces_joined_are_the_text_and_hold_no_stop_text(
    small_tokenizer: PreTrainedTokenizerBase, ids: list[int], stop: list[str]
) -> None:
    answer, pieces = fed(small_tokenizer, ids, stop=tuple(stop), limit=40)
    held_back = answer.text[len("".join(pieces)) :]
    assert "".join(pieces) + held_back == answer.text
    assert not any(each in answer.text for each in stop)
    assert tuple(ids[: len(answer.token_ids)]) == answer.token_ids
    if answer.finish_reason is not None:
        assert held_back == ""
    elif held_back:
        assert any(each.startswith(held_back) for each in stop)
    whole, _ = fed(small_tokenizer, ids, limit=40)
    assert whole.text.startswith(answer.text)


@pytest.mark.parametrize("limit", [1, 2])
def test_the_last_allowed_token_is_part_of_the_answer(
    small_tokenizer: PreTrainedTokenizerBase, limit: int
) -> None:
    answer, _ = fed(small_tokenizer, encoded(small_tokenizer, "one two three"), limit=limit)
    assert len(answer.token_ids) == limit
    assert answer.finish_reason == "length"
