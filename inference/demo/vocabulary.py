"""The built-in model's tokenizer: LLaMA's kind (BPE with byte fallback), learnt from the lessons' text."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
from transformers import LlamaTokenizer

from inference.demo.conversations import conversation
from inference.demo.lesson import Taught
from inference.demo.lessons import single_task
from inference.demo.smalltalk import NAMES, REPLIES, WORDS
from inference.demo.world import random_scene

VOCABULARY_SIZE = 1536
ADDED_TOKENS = ("<fake_token_around_image>", "<image>", "<end_of_utterance>")

# Any text can be encoded in bytes; these keep everyday English from falling apart into single letters.
_EVERYDAY = (
    "the of and to in a is that it for was on are as with his they at be this from have or by one "
    "had not but what all were when we there can an your which their said if do will each about how "
    "up out them then she many some so these would other into has more her two like him see could no "
    "make than first been its who now people my made over did down only way find use may water long "
    "little very after words called just where most know "
)


def _corpus(rng: random.Random, scenes: int) -> Iterator[str]:
    for _ in range(scenes):
        pool = [random_scene(rng) for _ in range(6)]
        for lesson in (conversation(pool, 0, rng), single_task(pool, 0, rng)):
            for item in lesson.items:
                if isinstance(item, str | Taught):
                    yield item if isinstance(item, str) else item.text
    replies = [text for said in REPLIES.values() for text in said]
    for text in (*WORDS, *NAMES, *_EVERYDAY.split(), *replies):
        for _ in range(scenes // 200):
            yield text
            yield text.lower()


def write_tokenizer(folder: Path, seed: int = 0) -> None:
    """Writes the tokenizer's files in the layout of the published checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_corpus(random.Random(seed), 4000),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY_SIZE,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        character_coverage=0.9999,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    added = {token: VOCABULARY_SIZE + i for i, token in enumerate(ADDED_TOKENS)}
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    _write_json(folder / "added_tokens.json", added)
    _write_json(
        folder / "special_tokens_map.json", {**special, "additional_special_tokens": list(ADDED_TOKENS)}
    )
    described = {**special, "tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True}
    _write_json(folder / "tokenizer_config.json", {**described, "model_max_length": 2048})
    tokenizer = LlamaTokenizer.from_pretrained(str(folder), legacy=True)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
