"""Several prompts as one left-padded batch, and the vision features of their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from inference.prepared import PreparedPicture
from inference.prompt import EncodedPrompt

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

PAD_ID = 0
"""Any id would do: padding is masked out."""
PICTURES_AT_ONCE = 8
"""Bounds the encoder's activations: a prompt may bring a hundred pictures."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts of different lengths as rectangles, with the padding on the left; all of int64."""

    input_ids: torch.Tensor
    """(rows, tokens)"""
    attention_mask: torch.Tensor
    """(rows, tokens); 0 for padding."""
    image_attention_mask: torch.Tensor
    """(rows, tokens, pictures); 1 at the picture that the token attends to, 0 elsewhere."""

    @classmethod
    def of(cls, prompts: Sequence[EncodedPrompt], added: Sequence[Sequence[int]]) -> Batch:
        """The prompts, each followed by its `added` ids, which see what the prompt's last token sees."""
        rows = [(*prompt.token_ids, *ids) for prompt, ids in zip(prompts, added, strict=True)]
        width = max(map(len, rows))
        pictures = max(1, *(len(prompt.pictures) for prompt in prompts))
        input_ids = torch.full((len(rows), width), PAD_ID)
        attention_mask = torch.zeros((len(rows), width), dtype=torch.long)
        image_attention_mask = torch.zeros((len(rows), width, pictures), dtype=torch.long)
        for row, (ids, prompt) in enumerate(zip(rows, prompts, strict=True)):
            start = width - len(ids)
            input_ids[row, start:] = torch.tensor(ids)
            attention_mask[row, start:] = 1
            seen = prompt.picture_of_token + prompt.picture_of_token[-1:] * (len(ids) - len(prompt.token_ids))
            for position, picture in enumerate(seen, start):
                if picture >= 0:
                    image_attention_mask[row, position, picture] = 1
        return cls(input_ids, attention_mask, image_attention_mask)

    @property
    def width(self) -> int:
        """Tokens of each row, padding included."""
        return self.input_ids.shape[1]

    def inputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        """The arguments that the model's `forward` and `generate` take."""
        return {
            "input_ids": self.input_ids.to(device),
            "attention_mask": self.attention_mask.to(device),
            "image_attention_mask": self.image_attention_mask.to(device),
        }


class VisionEncoder:
    """Pictures to what the cross-attention layers read: the resampler's latents, or the encoder's states."""

    def __init__(self, model: IdeficsForVisionText2Text) -> None:
        self._model = model.model
        self._width = cast(int, model.config.vision_config.embed_dim)

    def encode(self, rows: Sequence[Sequence[PreparedPicture]]) -> torch.Tensor:
        """Features of each row's pictures: (rows, pictures, latents, width) in the model's dtype.

        Rows with fewer pictures are filled up with zeros, which the image attention mask hides. Without
        any picture there is one zero vector for each row, since the model demands something to attend to:
        no token attends to it, and unlike an empty picture it costs no run of the encoder.
        """
        model = self._model
        if not any(rows):
            return torch.zeros(len(rows), 1, 1, self._width, dtype=model.dtype, device=model.device)
        features = self._features([picture for row in rows for picture in row])
        filled = features.new_zeros(len(rows), max(map(len, rows)), *features.shape[1:])
        taken = 0
        for row, pictures in enumerate(rows):
            filled[row, : len(pictures)] = features[taken : taken + len(pictures)]
            taken += len(pictures)
        return filled

    @torch.no_grad()
    def _features(self, pictures: Sequence[PreparedPicture]) -> torch.Tensor:
        """(pictures, latents, width)"""
        model = self._model
        parts = []
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            some = pictures[start : start + PICTURES_AT_ONCE]
            pixels = torch.stack([torch.from_numpy(picture.pixels) for picture in some])
            states = model.vision_model(pixel_values=pixels.to(model.device, model.dtype)).last_hidden_state
            parts.append(model.perceiver_resampler(states) if model.config.use_resampler else states)
        return torch.cat(parts)
