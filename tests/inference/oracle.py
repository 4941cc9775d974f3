"""What transformers makes of prompts when it is called as its documentation says."""

from __future__ import annotations

from typing import Any

import torch
from transformers import IdeficsProcessor, PreTrainedTokenizerBase
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import END_OF_UTTERANCE, Prompt
from tests.inference.checkpoints import PICTURE_SIZE, picture

VARIANTS: dict[str, dict[str, bool]] = {
    "9b": {},
    "80b": {"qk_layer_norms": True, "vector_alphas": True},
    "no resampler": {"resampler": False},
    "no resampler, qk norms": {"resampler": False, "qk_layer_norms": True},
}
RED, BLUE, GREEN = picture("red"), picture("navy", (28, 60)), picture("green")
PROMPTS: list[Prompt] = [
    ["Describe this image."],
    ["User:", RED, "What is this?", END_OF_UTTERANCE, "\nAssistant:"],
    [BLUE],
    ["Two of them:", RED, GREEN, "and one more", BLUE, "Which is the tree? Answer:"],
    ["User:", BLUE, "Describe this image, with many words in many lines.\nAssistant:"],
]


class Oracle:
    """What transformers makes of a prompt when it is called as its documentation says."""

    def __init__(self, model: IdeficsForVisionText2Text, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._processor = IdeficsProcessor(IdeficsImageProcessorPil(image_size=PICTURE_SIZE), tokenizer)
        self._tokenizer = tokenizer
        names = ["<image>", "<fake_token_around_image>", "<end_of_utterance>"]
        *self._forbidden, end_of_utterance = tokenizer.convert_tokens_to_ids(names)
        self._ends = [tokenizer.eos_token_id, end_of_utterance]

    def inputs(self, prompt: Prompt) -> dict[str, torch.Tensor]:
        items = ["<end_of_utterance>" if item is END_OF_UTTERANCE else item for item in prompt]
        return dict(self._processor(text=[items], return_tensors="pt", padding="longest"))

    def answer(self, prompt: Prompt, **options: Any) -> tuple[int, ...]:
        inputs = self.inputs(prompt)
        ids = self._model.generate(
            **inputs,
            bad_words_ids=[[token_id] for token_id in self._forbidden],
            eos_token_id=self._ends,
            do_sample=False,
            **options,
        )
        new = ids[0, inputs["input_ids"].shape[1] :].tolist()
        ends = [at for at, token_id in enumerate(new) if token_id in self._ends]
        return tuple(new[: ends[0]] if ends else new)
