"""Pictures as the cross layers read them: encoded once, kept while there is room."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from inference.engine.crew import Crew, shares
from inference.engine.graphs import CudaGraphs
from inference.engine.model import Decoder
from inference.engine.pages import PAGE_SIZE, FreeList, PagedLayer, pages_for
from inference.engine.transfers import upload
from inference.prepared import PreparedPicture

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

PICTURES_AT_ONCE = 8
"""Bounds the encoder's activations, and how long it keeps running answers waiting."""
_BUCKETS = (1, 2, 4, 8)


class PictureCache:
    """Which picture's keys and values are in which slot; of those not in use the oldest goes first.

    Pictures are known by the whole hash of their pixels. A slot is as many pages in a row as a picture needs,
    the first of them its number times that. Slot 0 belongs to no picture.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.waiting: dict[bytes, PreparedPicture] = {}
        """Those with a slot that are yet to be encoded, in the order in which they were asked for."""
        self._slot_of: OrderedDict[bytes, int] = OrderedDict()
        """The least recently used first."""
        self._users: Counter[bytes] = Counter()
        self.unused = FreeList(range(1, slots + 1))

    def has_room(self, digests: Iterable[bytes]) -> bool:
        """Whether all of these can have slots at the same time now."""
        wanted = set(digests)
        new = sum(digest not in self._slot_of for digest in wanted)
        idle = sum(digest not in self._users and digest not in wanted for digest in self._slot_of)
        return new <= len(self.unused) + idle

    def take(self, pictures: Sequence[PreparedPicture]) -> list[int]:
        """The pictures' slots, in use until they are released; encoded are those that no longer wait."""
        # All are in use before one needs a slot: none of them makes way for another.
        self._users.update(picture.digest for picture in pictures)
        return [self._take(picture) for picture in pictures]

    def _take(self, picture: PreparedPicture) -> int:
        digest = picture.digest
        if digest not in self._slot_of:
            if not self.unused:
                self._forget(next(other for other in self._slot_of if other not in self._users))
            self._slot_of[digest] = self.unused.take()
            self.waiting[digest] = picture
        self._slot_of.move_to_end(digest)
        return self._slot_of[digest]

    def slot(self, digest: bytes) -> int:
        return self._slot_of[digest]

    def release(self, digest: bytes, *, forget: bool = False) -> None:
        """Ends one use of a picture. It stays in its slot for others, unless it is to be forgotten."""
        self._users[digest] -= 1
        if self._users[digest] == 0:
            del self._users[digest]
            if forget or digest in self.waiting:
                self._forget(digest)

    def forget(self) -> None:
        """Forgets all that are not in use."""
        for digest in [digest for digest in self._slot_of if digest not in self._users]:
            self._forget(digest)

    def _forget(self, digest: bytes) -> None:
        self.waiting.pop(digest, None)
        self.unused.give_back(self._slot_of.pop(digest))


class PictureEncoder:
    """Runs the vision encoder and resampler, and stores what the cross layers make of their output."""

    def __init__(
        self,
        model: IdeficsForVisionText2Text,
        decoder: Decoder,
        layers: list[PagedLayer],
        crew: Crew,
    ) -> None:
        self._model: Any = model.model
        self._decoder = decoder
        self._layers = layers
        self._crew = crew
        size = cast(int, model.config.vision_config.image_size)
        weight = self._model.vision_model.embeddings.patch_embedding.weight
        self._pixels = torch.zeros(PICTURES_AT_ONCE, 3, size, size, dtype=weight.dtype, device=weight.device)
        self._slots = torch.zeros(PICTURES_AT_ONCE, dtype=torch.int64, device=weight.device)
        self._graphs = CudaGraphs(self._run)

    def captures(self) -> list[Callable[[], None]]:
        """What records the encoder, each for another number of pictures."""
        return [partial(self._graphs.capture, count) for count in reversed(_BUCKETS)]

    def encode(self, pictures: Sequence[PreparedPicture], slots: Sequence[int]) -> None:
        """Encodes at most `PICTURES_AT_ONCE` pictures into their slots."""
        count = len(pictures)
        # By numpy: torch would share the copying out among threads and wait for the last of them.
        pixels = torch.empty(count, *self._pixels.shape[1:], pin_memory=self._pixels.is_cuda)
        np.stack([picture.pixels for picture in pictures], out=pixels.numpy())
        self._pixels[:count].copy_(pixels.to(self._pixels.device, non_blocking=True))
        padded = torch.tensor([*slots, *[0] * (PICTURES_AT_ONCE - count)])
        self._slots.copy_(upload(padded, self._slots.device))
        if self._pixels.is_cuda:
            count = next(bucket for bucket in _BUCKETS if bucket >= count)
        self._graphs(count)

    def wipe(self) -> None:
        """Forgets the pictures that were encoded last."""
        self._pixels.zero_()

    def _run(self, count: int) -> None:
        self._crew.run([partial(self._encode, share) for share in shares([1] * count, self._crew.size)])

    def _encode(self, some: slice) -> None:
        model = self._model
        states = model.vision_model(pixel_values=self._pixels[some]).last_hidden_state
        states = model.perceiver_resampler(states) if model.config.use_resampler else states
        latents = states.shape[1]
        flat = states.flatten(0, 1)
        for layer, pages in zip(self._decoder.cross_layers, self._layers, strict=True):
            keys, values = layer.keys_and_values(flat.to(layer.device))
            first = self._slots[some].to(layer.device) * pages_for(latents) * PAGE_SIZE
            places = first[:, None] + torch.arange(latents, device=layer.device)
            pages.write(places.flatten(), keys, values)


def latents_of(model: IdeficsForVisionText2Text) -> int:
    """Keys and values that a picture has in each cross layer."""
    config = model.config
    if config.use_resampler:
        return cast(int, config.perceiver_config.resampler_n_latents)
    return cast(int, (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1)
