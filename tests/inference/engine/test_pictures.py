"""Which pictures the engine knows, and which of them make way for others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.engine.machine import Machine
from inference.engine.pictures import PictureCache
from inference.prepared import PreparedPicture
from tests.inference.checkpoints import PICTURE_SIZE, small_config, small_model
from tests.inference.engine.stepping import SMALL_MEMORY

A, B, C, D = (PreparedPicture.of(np.full((3, 2, 2), number, np.float32)) for number in range(4))


def encoded(cache: PictureCache, *pictures: PreparedPicture) -> list[int]:
    """Their slots; they are in use and no longer waited for."""
    slots = cache.take(pictures)
    cache.waiting.clear()
    return slots


def test_a_picture_keeps_its_slot_until_another_needs_it() -> None:
    cache = PictureCache(2)
    first, second = encoded(cache, A, B)
    assert {first, second} == {1, 2}
    cache.release(A.digest)
    cache.release(B.digest)
    assert cache.take([A]) == [first]
    assert not cache.waiting
    cache.release(A.digest)
    assert cache.take([C]) == [second]  # B's, which is the longest out of use
    assert list(cache.waiting) == [C.digest]


def test_of_pictures_that_are_wanted_together_none_makes_way_for_another() -> None:
    cache = PictureCache(2)
    encoded(cache, A, B)
    cache.release(A.digest)
    cache.release(B.digest)
    assert cache.has_room([C.digest, A.digest])
    cache.take([C, A])
    assert list(cache.waiting) == [C.digest]


def test_pictures_in_use_or_wanted_make_no_room() -> None:
    cache = PictureCache(2)
    encoded(cache, A, B)
    assert not cache.has_room([C.digest])
    cache.release(A.digest)
    assert cache.has_room([C.digest])
    assert cache.has_room([C.digest, C.digest])
    assert cache.has_room([A.digest, B.digest])
    assert not cache.has_room([A.digest, C.digest])
    assert not cache.has_room([C.digest, D.digest])


def test_a_picture_is_in_use_until_the_last_lets_it_go() -> None:
    cache = PictureCache(1)
    encoded(cache, A)
    cache.take([A])
    cache.release(A.digest, forget=True)
    assert not cache.has_room([B.digest])
    cache.forget()
    assert cache.slot(A.digest) == 1
    cache.release(A.digest)
    assert cache.has_room([B.digest])
    cache.forget()
    cache.take([A])
    assert list(cache.waiting) == [A.digest]


def test_what_was_not_encoded_is_not_kept() -> None:
    cache = PictureCache(1)
    cache.take([A])
    cache.release(A.digest)
    assert not cache.waiting
    cache.take([A])
    assert list(cache.waiting) == [A.digest]


@torch.no_grad()
def test_what_fills_a_recording_up_goes_where_no_picture_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU three pictures are encoded as four, the last of them what was there before."""
    machine = Machine(small_model(small_config(qk_layer_norms=True)), SMALL_MEMORY, ())
    encoder, pages = machine.encoder, machine.memory.picture_layers[-1].keys
    generator = np.random.default_rng(0)
    size = (3, PICTURE_SIZE, PICTURE_SIZE)
    pictures = [PreparedPicture.of(generator.normal(size=size).astype(np.float32)) for _ in range(7)]
    encoder.encode(pictures[:4], [1, 2, 3, 4])
    encoder.encode(pictures[4:], [5, 6, 7])
    expected = pages[2:].clone()
    pages[10:] = 0.0
    monkeypatch.setattr(encoder._graphs, "_work", lambda _: encoder._run(4))
    encoder.encode(pictures[:4], [1, 2, 3, 4])
    encoder.encode(pictures[4:], [5, 6, 7])
    torch.testing.assert_close(pages[2:], expected)
