"""Models of true shapes with random weights, for measuring without a checkpoint."""

from __future__ import annotations

from typing import Any, Literal

import torch
from accelerate import dispatch_model, infer_auto_device_map, init_empty_weights
from accelerate.utils import get_balanced_memory
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.initialization import no_init_weights
from transformers.models.idefics.configuration_idefics import IdeficsConfig
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference.measuring import never_end
from inference.tokenizer import END_OF_UTTERANCE_TOKEN, FAKE_TOKEN_AROUND_IMAGE, IMAGE
from inference.weights import keep_4bit_as_stored, quantization_config

Shape = Literal["9b", "80b", "demo"]
DEMO_VOCABULARY_SIZE = 1536
ADDED_TOKENS = (FAKE_TOKEN_AROUND_IMAGE, IMAGE, END_OF_UTTERANCE_TOKEN)

_PUBLISHED: dict[str, Any] = {
    "vocab_size": 32000,
    "additional_vocab_size": len(ADDED_TOKENS),
    "cross_layer_interval": 4,
    "max_position_embeddings": 2048,
    "use_resampler": True,
    "alpha_initializer": "ones",
    "vision_config": {
        "embed_dim": 1280,
        "image_size": 224,
        "patch_size": 14,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "intermediate_size": 5120,
    },
    "perceiver_config": {
        "use_resampler": True,
        "resampler_n_latents": 64,
        "resampler_depth": 6,
        "resampler_n_heads": 16,
        "resampler_head_dim": 96,
        "qk_layer_norms_perceiver": True,
    },
}
_SHAPES: dict[Shape, dict[str, Any]] = {
    "9b": _PUBLISHED
    | {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
    "80b": _PUBLISHED
    | {
        "hidden_size": 8192,
        "intermediate_size": 22016,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "qk_layer_norms": True,
        "alpha_type": "vector",
    },
}


def config_of_shape(shape: Shape) -> IdeficsConfig:
    """The dimensions of the published 9B and 80B instruct models, or those of the built-in model."""
    if shape == "demo":
        from inference.demo.architecture import demo_config

        return demo_config(DEMO_VOCABULARY_SIZE)
    return IdeficsConfig(**_SHAPES[shape])


@torch.no_grad()
def random_model(
    config: IdeficsConfig, device: torch.device | None, dtype: torch.dtype, *, in_4bit: bool = False
) -> IdeficsForVisionText2Text:
    """A model that computes as a real one does and says nothing of sense.

    Weights are made, and quantised, one at a time on `device`, or on all accelerators for None, spread as
    loading a checkpoint spreads them: no more memory is needed than the model takes. Answers have the length
    that is asked for.
    """
    with init_empty_weights(include_buffers=False), no_init_weights():
        model = IdeficsForVisionText2Text(config)
    if in_4bit:
        _prepare_4bit(model, dtype)
    places = _spread(model, dtype) if device is None else {"": device}
    torch.manual_seed(0)
    for path, module in model.named_modules():
        for name, empty in list(module.named_parameters(recurse=False)):
            place = _place_of(f"{path}.{name}", places)
            weight = _random(name, empty.shape, place, dtype)
            # Those that are to be quantised bring their settings along, and are quantised by moving.
            made = type(empty)(weight, requires_grad=False, **empty.__dict__).to(place)
            setattr(module, name, made)
    if device is None:
        dispatch_model(model, places)
    else:
        model.to(device)
    never_end(model, (config.eos_token_id, config.vocab_size + ADDED_TOKENS.index(END_OF_UTTERANCE_TOKEN)))
    if in_4bit:
        keep_4bit_as_stored(model)
    return model.eval()


def stand_in_tokenizer(config: IdeficsConfig) -> PreTrainedTokenizerFast:
    """A tokenizer with as many entries as `config` says; apart from single bytes they are made-up words."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    tokens += [f"▁w{number}" for number in range(config.vocab_size - len(tokens))]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ("<unk>", "<s>", "</s>", *ADDED_TOKENS)
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )


def _spread(model: IdeficsForVisionText2Text, dtype: torch.dtype) -> dict[str, torch.device]:
    """Which accelerator holds each part of the model, by the rules of `device_map="auto"`."""
    whole = model._no_split_modules
    memory = get_balanced_memory(model, dtype=dtype, no_split_module_classes=whole)
    parts = infer_auto_device_map(model, max_memory=memory, dtype=dtype, no_split_module_classes=whole)
    kind = torch.accelerator.current_accelerator()
    assert kind is not None, "there is one over which to spread"
    return {part: torch.device(kind.type, index) for part, index in parts.items()}


def _place_of(name: str, places: dict[str, torch.device]) -> torch.device:
    """Where a parameter of this name lies: the place of the part that it is in."""
    parts = (part for part in places if not part or name == part or name.startswith(f"{part}."))
    return places[next(parts)]


def _random(name: str, shape: torch.Size, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    weight = torch.empty(shape, device=device, dtype=dtype)
    if name.startswith("alpha"):
        return weight.fill_(0.5)
    if weight.dim() == 1:
        return weight.fill_(0.0 if name == "bias" else 1.0)
    return weight.uniform_(-0.03, 0.03)


def _prepare_4bit(model: IdeficsForVisionText2Text, dtype: torch.dtype) -> None:
    """Puts bitsandbytes' layers, still empty, where loading a checkpoint in 4 bits puts them."""
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear

    replace_with_bnb_linear(
        model,
        modules_to_not_convert=["lm_head", "lm_head.additional_fc"],
        quantization_config=quantization_config("4bit", dtype),
    )
    model.is_loaded_in_4bit = True
