"""Writes tokenizers of LLaMA's kind in the files that the IDEFICS checkpoints were published with."""

from __future__ import annotations

import io
import json
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from transformers import LlamaTokenizer

ADDED_TOKENS = ("<fake_token_around_image>", "<image>", "<end_of_utterance>")
# Ids that pieces have in LLaMA's vocabulary; the built-up 32,000 entries agree with it here.
LLAMA_IDS = {
    "▁you": 366,
    "▁Can": 1815,
    "▁tell": 2649,
    "▁User": 4911,
    "Ass": 7900,
    "istant": 22137,
    "▁": 29871,
    ":": 29901,
}

_CORPUS = """\
User: What is in this image?
Assistant: This picture depicts Idefix, the dog of Obelix in Asterix. Idefix is running on the ground.
User: Describe this image.
Assistant: An image of the Eiffel Tower at night. Fun fact: it is as high as an 81-storey building.
Instruction: Provide an answer to the question. Use the image to answer.
Question: Where are these people and what's the weather like? Answer: by the sea, it rains
Instruction: Classify the following image into a single category from the following list: ['animals', 'cars'].
Category: city landscape
Instruction: Use the image to write a story. Story: Once upon a time there was a boat.
The tags </a> and </p>, also <i> and <b>; the plurals boats> cars> dogs> cats> and the closing </b> </i> </u>.
This is an image of two kittens in the grass, a red house, a small tree and the yellow sun.
"""


def write_tokenizer(folder: Path, *, instruct: bool = True, vocabulary_size: int = 480) -> Path:
    """Trains a tokenizer on a few lines and writes its files into `folder`, which it returns.

    Files: tokenizer.model, tokenizer.json (in the form of 2023), added_tokens.json,
    special_tokens_map.json, tokenizer_config.json. Base checkpoints have no `<end_of_utterance>`.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_CORPUS.splitlines() * 20),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary_size,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return _write_files(folder, model.getvalue(), instruct)


def write_llama_like_tokenizer(folder: Path, ids: dict[str, int] = LLAMA_IDS) -> Path:
    """Like `write_tokenizer`, with 32,000 entries of which some have the given ids; the rest is filler."""
    pieces: dict[int, str] = {index: f"<0x{index - 3:02X}>" for index in range(3, 259)}
    pieces |= {index: piece for piece, index in ids.items()}
    # Pieces are merged from shorter ones, one character at a time.
    parts = {piece[:end] for piece in ids for end in range(2, len(piece))}
    letters = {letter for piece in ids for letter in piece} - set(ids)
    free = iter(index for index in range(259, 32000) if index not in pieces)
    pieces |= {next(free): part for part in sorted(parts - set(ids), key=lambda part: (len(part), part))}
    pieces |= {next(free): letter for letter in sorted(letters)}
    pieces |= {index: f"\ue000{index}" for index in free}

    model = proto.ModelProto()
    for piece, kind in (("<unk>", 2), ("<s>", 3), ("</s>", 3)):
        model.pieces.add(piece=piece, score=0.0, type=kind)
    for index in range(3, 32000):
        model.pieces.add(piece=pieces[index], score=-float(index), type=6 if index < 259 else 1)
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = 32000
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    return _write_files(folder, model.SerializeToString(), instruct=True)


def _write_files(folder: Path, model: bytes, instruct: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model)
    added = ADDED_TOKENS if instruct else ADDED_TOKENS[:2]
    size = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    token_map = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    _write_json(folder / "added_tokens.json", {token: size + index for index, token in enumerate(added)})
    _write_json(folder / "special_tokens_map.json", token_map | {"additional_special_tokens": list(added)})
    _write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "LlamaTokenizer", "padding_side": "left", "model_max_length": 2048} | token_map,
    )
    _write_tokenizer_json(folder, added)
    return folder


def _write_tokenizer_json(folder: Path, added: tuple[str, ...]) -> None:
    tokenizer = Tokenizer(LlamaTokenizer.from_pretrained(folder, legacy=True).backend_tokenizer.model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>", *added)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
