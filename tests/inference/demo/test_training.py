"""The training from end to end, in small: what it writes is a checkpoint like any other."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import IdeficsForVisionText2Text

from inference.demo.learning import Pace
from inference.demo.samples import NOT_LEARNT, batches
from inference.demo.sight import SightHeads, patch_targets, random_sample, sight_targets
from inference.demo.train import Trainer, write_preprocessor
from inference.demo.vocabulary import ADDED_TOKENS, VOCABULARY_SIZE, write_tokenizer
from inference.demo.world import SHAPES, Scene, Thing
from inference.tokenizer import SpecialTokens, load_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    write_tokenizer(folder)
    write_preprocessor(folder)
    return folder


def test_tokenizer_is_of_llamas_kind(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    vocabulary = tokenizer.get_vocab()
    assert [vocabulary[token] for token in ADDED_TOKENS] == [VOCABULARY_SIZE + i for i in range(3)]
    for text in ("Where is the star?", "Grüße, 日本 🎈", "tabs\tand\nlines"):
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert 0 not in ids
        assert tokenizer.decode(ids) == text
    assert len(tokenizer("Where is the star?", add_special_tokens=False).input_ids) == 5


def test_only_answers_are_learnt(folder: Path) -> None:
    batch = next(batches(str(folder), pictures=6, seed=3, workers=0))
    tokenizer = load_tokenizer(folder)
    special = SpecialTokens.of(tokenizer)
    ends = {special.eos, special.end_of_utterance}
    for rows in batch.rows:
        learnt = rows.labels != NOT_LEARNT
        assert not rows.weights[~learnt].any()
        assert torch.equal(rows.ids[learnt], rows.labels[learnt])
        assert (rows.ids >= 0).all()
        assert not learnt[rows.attended == 0].any()
        for ids, mask, weights in zip(rows.ids, learnt, rows.weights, strict=True):
            answers = "".join("x" if flag else " " for flag in mask.tolist()).split()
            assert answers
            expected = [len(answer) ** -0.5 for answer in answers for _ in answer]
            assert weights[mask].tolist() == pytest.approx(expected)
            last = int(mask.nonzero()[-1])
            assert int(ids[last]) in ends
        images = (rows.ids == special.image).sum(1)
        # Each token sees at most one picture, and those after the last one see that.
        assert (rows.seen.sum(2) <= 1).all()
        assert torch.equal(rows.seen.any(1).sum(1), images)


def test_targets_say_what_is_drawn() -> None:
    scene = Scene((Thing("star", "blue", "small", 5),), "grey")
    targets = sight_targets(scene)
    assert targets[15:18].tolist() == [1 + SHAPES.index("star"), 2, 0]
    assert (targets[0:27:3] > 0).sum() == 1
    assert targets[28] == 0
    assert sight_targets(None)[28] == 1
    assert (patch_targets(None) == NOT_LEARNT).all()
    rng = random.Random(0)
    sample = next(s for s in (random_sample(rng) for _ in range(50)) if s.scene and s.scene.things)
    assert (patch_targets(sample.things)[0] > 0).any()


def test_scores_count_whole_pictures() -> None:
    heads = SightHeads(8)
    latents = torch.zeros(2, 16, 8)
    for head in (heads.cell, heads.background, heads.undrawn):
        torch.nn.init.zeros_(head.bias)
    empty = sight_targets(Scene((), "white"))
    targets = torch.stack([torch.from_numpy(empty), torch.from_numpy(sight_targets(None))])
    scores = heads.scores(latents, targets)
    # All logits are equal, so the first class is chosen: no thing, white, a drawing.
    assert scores.whole == 0.5
    assert scores.undrawn == 0.5


def test_three_phases_write_a_checkpoint_that_plain_transformers_loads(folder: Path) -> None:
    trainer = Trainer(torch.device("cpu"), workers=0, seed=0)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}

    def changed() -> set[str]:
        state = trainer.model.state_dict()
        names = {name.split(".")[1] for name in state if not torch.equal(state[name], before[name])}
        before.update({name: value.clone() for name, value in state.items()})
        return names

    pace = Pace(steps=2, pictures=4, rate=1e-3)
    trainer.learn_to_see(pace)
    assert changed() == {"vision_model", "perceiver_resampler"}
    trainer.learn_to_speak(pace, folder)
    assert "gated_cross_attn_layers" in changed()
    assert not changed()
    trainer.learn_both(Pace(steps=1000, pictures=4, rate=1e-3, seconds=0.1), folder)
    assert {"vision_model", "perceiver_resampler", "layers", "gated_cross_attn_layers"} <= changed()
    trainer.save(folder)
    assert trainer.model.dtype == torch.float32, "a phase may go on after its weights were written"
    model = IdeficsForVisionText2Text.from_pretrained(folder)
    state = trainer.model.state_dict()
    assert all(torch.equal(value.half(), state[name].half()) for name, value in model.state_dict().items())
    further = Trainer(torch.device("cpu"), workers=0, seed=1)
    further.start_from(folder)
    for name, value in further.model.state_dict().items():
        assert torch.equal(value.half(), state[name].half())


def test_a_phase_without_time_goes_through_its_rates_faster() -> None:
    pace = Pace(steps=100, pictures=4, rate=1e-3, seconds=50.0)
    assert pace.position(step=10, elapsed=2.0) == 10
    assert pace.position(step=10, elapsed=20.0) == 40
    assert pace.position(step=60, elapsed=60.0) == 100
    assert Pace(steps=100, pictures=4, rate=1e-3).position(step=10, elapsed=1e6) == 10
