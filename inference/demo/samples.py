"""Batches for the training, made by worker processes: pictures, what they show, and lessons about them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from inference.demo.conversations import conversation
from inference.demo.lesson import Item, Lesson, Taught
from inference.demo.lessons import single_task
from inference.demo.sight import any_scene, patch_targets, random_sample, shrink, sight_targets
from inference.demo.world import random_scene
from inference.prompt import Generated, PromptEncoder, PromptItem
from inference.tokenizer import load_tokenizer

NOT_LEARNT = -100
"""The label that cross-entropy leaves out."""
# Most lessons are short and few are very long. Cut like this, a batch is 1.6 times as large as its lessons;
# in halves it would be almost 5 times. Further cuts save less than their many small steps cost.
_CUTS = (0.66, 0.9, 0.985)
# Frames around a taught answer's ids while the prompt is encoded; no token has such an id.
_BEGIN, _END = -1, -2


@dataclass(frozen=True, slots=True)
class Pictures:
    pixels: Tensor
    """uint8, (pictures, height, width, 3)."""
    sight: Tensor
    """int64, (pictures, 29): see `sight_targets`."""
    patches: Tensor
    """int64, (pictures, 2, patches): see `patch_targets`."""

    def __getitem__(self, at: Tensor) -> Pictures:
        """The pictures with these indices."""
        return Pictures(self.pixels[at], self.sight[at], self.patches[at])

    def to(self, device: torch.device) -> Pictures:
        return Pictures(*(tensor.to(device, non_blocking=True) for tensor in _fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Pictures]) -> Pictures:
        columns = zip(*(_fields(part) for part in parts), strict=True)
        return cls(*(torch.cat(column) for column in columns))


@dataclass(frozen=True, slots=True)
class Rows:
    """Lessons of about one length, padded on the right."""

    ids: Tensor
    """int64, (rows, tokens)."""
    labels: Tensor
    """int64, (rows, tokens): the ids to be learnt, elsewhere NOT_LEARNT."""
    weights: Tensor
    """float32, (rows, tokens): what each label counts; 1 / sqrt(tokens of its answer), so that a short answer
    is not drowned by stories."""
    attended: Tensor
    """int64, (rows, tokens): 0 on padding."""
    pictures: Tensor
    """int64, (rows, slots): indices into `Pictures`."""
    seen: Tensor
    """int64, (rows, tokens, slots): 1 where a token attends to a slot's picture."""

    def to(self, device: torch.device) -> Rows:
        return Rows(*(tensor.to(device, non_blocking=True) for tensor in _fields(self)))


@dataclass(frozen=True, slots=True)
class Batch:
    pictures: Pictures
    rows: tuple[Rows, ...]

    def to(self, device: torch.device) -> Batch:
        return Batch(self.pictures.to(device), tuple(rows.to(device) for rows in self.rows))


def _fields(tensors: Pictures | Rows) -> list[Tensor]:
    return [getattr(tensors, field.name) for field in fields(tensors)]


@dataclass(frozen=True, slots=True)
class _Row:
    ids: list[int]
    labels: list[int]
    weights: list[float]
    seen: list[int]
    pictures: tuple[int, ...]


def _encoded(lesson: Lesson, encoder: PromptEncoder) -> _Row:
    items: list[PromptItem] = []
    for item in lesson.items:
        items.append(_framed(item, items, encoder) if isinstance(item, Taught) else item)
    encoded = encoder.encode(items)
    row = _Row([], [], [], [], lesson.pictures)
    begun: int | None = None
    for token_id, picture in zip(encoded.token_ids, encoded.picture_of_token, strict=True):
        if token_id == _BEGIN:
            begun = len(row.ids)
        elif token_id == _END:
            assert begun is not None
            tokens = len(row.ids) - begun
            row.weights[begun:] = [tokens**-0.5] * tokens
            begun = None
        else:
            row.ids.append(token_id)
            row.labels.append(NOT_LEARNT if begun is None else token_id)
            row.weights.append(0.0)
            row.seen.append(picture)
    return row


def _framed(answer: Taught, before: Sequence[Item], encoder: PromptEncoder) -> Generated:
    last = before[-1]
    assert not isinstance(last, Taught)
    ids = encoder.encode_continuation([last], answer.text)
    end = encoder.special.end_of_utterance if answer.ending == "utterance" else encoder.special.eos
    assert end is not None
    return Generated((_BEGIN, *ids, end, _END))


def _padded(rows: list[_Row]) -> Rows:
    length = max(len(row.ids) for row in rows)
    slots = max(1, max(len(row.pictures) for row in rows))
    ids = np.zeros((len(rows), length), np.int64)
    labels = np.full((len(rows), length), NOT_LEARNT, np.int64)
    weights = np.zeros((len(rows), length), np.float32)
    attended = np.zeros((len(rows), length), np.int64)
    pictures = np.zeros((len(rows), slots), np.int64)
    seen = np.full((len(rows), length), -1, np.int64)
    for i, row in enumerate(rows):
        n = len(row.ids)
        ids[i, :n], labels[i, :n], weights[i, :n] = row.ids, row.labels, row.weights
        attended[i, :n], seen[i, :n] = 1, row.seen
        pictures[i, : len(row.pictures)] = row.pictures
    one_hot = (seen[:, :, None] == np.arange(slots)).astype(np.int64)
    return Rows(*(torch.from_numpy(array) for array in (ids, labels, weights, attended, pictures, one_hot)))


class _Stream(IterableDataset[Batch]):
    """Endless batches; each worker draws its own."""

    def __init__(self, tokenizer_folder: str | None, pictures: int, seed: int) -> None:
        self.tokenizer_folder = tokenizer_folder
        self.pictures = pictures
        self.seed = seed

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = random.Random(f"{self.seed}/{worker.id if worker else 0}")
        encoder = PromptEncoder(load_tokenizer(self.tokenizer_folder)) if self.tokenizer_folder else None
        while True:
            make_scene = any_scene if encoder is None else random_scene
            samples = [random_sample(rng, make_scene) for _ in range(self.pictures)]
            pictures = Pictures(
                torch.from_numpy(np.stack([shrink(sample.picture) for sample in samples])),
                torch.from_numpy(np.stack([sight_targets(sample.scene) for sample in samples])),
                torch.from_numpy(np.stack([patch_targets(sample.things) for sample in samples])),
            )
            if encoder is None:
                yield Batch(pictures, ())
                continue
            scenes = [sample.scene for sample in samples]
            talks = [_encoded(conversation(scenes, i, rng), encoder) for i in range(self.pictures)]
            others = [
                _encoded(single_task(scenes, i, rng), encoder) for i in range(self.pictures) for _ in range(2)
            ]
            yield Batch(pictures, tuple(_by_length([*talks, *others])))


def _by_length(rows: list[_Row]) -> Iterator[Rows]:
    """Rows of similar length together, so that little is computed on padding."""
    rows = sorted(rows, key=lambda row: len(row.ids))
    cuts = [round(share * len(rows)) for share in _CUTS]
    for start, end in pairwise((0, *cuts, len(rows))):
        if end > start:
            yield _padded(rows[start:end])


def batches(tokenizer_folder: str | None, pictures: int, seed: int, workers: int) -> Iterator[Batch]:
    """Endless batches of `pictures` pictures; without a tokenizer only pictures, no lessons."""
    stream = _Stream(tokenizer_folder, pictures, seed)
    prefetch = 4 if workers else None
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=prefetch))
