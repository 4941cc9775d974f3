"""A checkpoint's tokenizer: loading it as it was trained, people's text to ids, ids back to text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, cast

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import Metaspace

from inference.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FAKE_TOKEN_AROUND_IMAGE = "<fake_token_around_image>"
IMAGE = "<image>"
END_OF_UTTERANCE_TOKEN = "<end_of_utterance>"

LLAMA_VOCABULARY_SIZE = 32000
LLAMA_ADDED_TOKENS = {FAKE_TOKEN_AROUND_IMAGE: 32000, IMAGE: 32001, END_OF_UTTERANCE_TOKEN: 32002}
# The ids that the published checkpoints were trained on: a space in front of each piece of text, also in
# front of a line break that follows a special token.
GOLDEN_IDS = {
    "User:": [4911, 29901],
    "Can you tell": [1815, 366, 2649],
    "\nAssistant:": [29871, 13, 7900, 22137, 29901],
}


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids of the tokens that no text can produce. Base checkpoints have no `end_of_utterance`."""

    bos: int
    eos: int
    fake_token_around_image: int
    image: int
    end_of_utterance: int | None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        """The ids in `tokenizer`.

        Raises:
            CheckpointError: a token that every IDEFICS checkpoint has is missing.
        """
        vocabulary = tokenizer.get_vocab()

        def required(token: str | None) -> int:
            if token is None or token not in vocabulary:
                raise CheckpointError(
                    f"The tokenizer has no {token or 'beginning or end of sequence'} token: "
                    "this is not an IDEFICS checkpoint, or some of its tokenizer files are missing."
                )
            return int(vocabulary[token])

        return cls(
            bos=required(cast("str | None", tokenizer.bos_token)),
            eos=required(cast("str | None", tokenizer.eos_token)),
            fake_token_around_image=required(FAKE_TOKEN_AROUND_IMAGE),
            image=required(IMAGE),
            end_of_utterance=vocabulary.get(END_OF_UTTERANCE_TOKEN),
        )

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Tokens that stand for pictures, which no answer has."""
        return self.image, self.fake_token_around_image

    def end_ids(self, configured: int | list[int] | None) -> frozenset[int]:
        """Tokens that end an answer.

        Args:
            configured: the configuration's `eos_token_id`. The published ones name only `</s>`, but an
                instruct model ends its turns with `<end_of_utterance>`.
        """
        named = configured if isinstance(configured, list) else [configured]
        ends = {self.eos, self.end_of_utterance, *named}
        return frozenset(end for end in ends if end is not None)

    @property
    def ids(self) -> frozenset[int]:
        """All of them."""
        return frozenset(token_id for token_id in astuple(self) if token_id is not None)


class TextEncoder:
    """Turns text into ids, and only ever into ids of text: a typed `</s>` is four characters.

    It shares the tokenizer's vocabulary and merges but knows none of its added tokens, so it neither
    recognises them nor changes the tokenizer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        backend = backend_of(tokenizer)
        self._special_ids = SpecialTokens.of(tokenizer).ids
        self._name_of = {token_id: token for token, token_id in backend.get_vocab().items()}
        self._opening = Tokenizer(backend.model)
        self._continuing = Tokenizer(backend.model)
        pre_tokenizer = backend.pre_tokenizer
        self._opening.pre_tokenizer = pre_tokenizer
        if isinstance(pre_tokenizer, Metaspace):
            pre_tokenizer = Metaspace(
                replacement=pre_tokenizer.replacement, prepend_scheme="never", split=pre_tokenizer.split
            )
        self._continuing.pre_tokenizer = pre_tokenizer
        for pipeline in (self._opening, self._continuing):
            if backend.normalizer is not None:
                pipeline.normalizer = backend.normalizer

    def opening(self, text: str) -> list[int]:
        """Ids of a text that opens the sequence or follows a special token: it gets a space in front."""
        return self._encode(self._opening, text)

    def continuing(self, text: str) -> list[int]:
        """Ids of a text that goes on within a line, without a space in front."""
        return self._encode(self._continuing, text)

    def _encode(self, pipeline: Tokenizer, text: str) -> list[int]:
        if not text:
            return []
        # Half a surrogate pair, which JSON can carry, is not text that can be encoded.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids: list[int] = pipeline.encode(text, add_special_tokens=False).ids
        if self._special_ids.isdisjoint(ids):
            return ids
        # Merges of some vocabularies build `</s>` from its characters: take it apart again.
        plain: list[int] = []
        for token_id in ids:
            if token_id in self._special_ids:
                for character in self._name_of[token_id]:
                    plain += self._continuing.encode(character, add_special_tokens=False).ids
            else:
                plain.append(token_id)
        return plain


class TextStream:
    """Turns generated ids into text one at a time; characters made of several ids come out whole.

    The pieces joined are `tokenizer.decode(ids, skip_special_tokens=True)`: the space in front of the
    first word is dropped, unless the text goes on from `after`, ids whose text is there already. Only an
    unfinished character at the very end is left out.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, after: Sequence[int] = ()) -> None:
        self._backend = backend_of(tokenizer)
        self._ids: list[int] = list(after)
        self._shown = len(self._ids)

    def add(self, token_id: int) -> str:
        """The text that `token_id` adds; empty while a character is incomplete."""
        self._ids.append(token_id)
        # Decoding drops the space in front of what it is given, so the ids shown last stay in the window.
        before = self._decode(self._ids[: self._shown])
        text = self._decode(self._ids)
        if len(text) <= len(before) or text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        del self._ids[: self._shown]
        self._shown = len(self._ids)
        return text[len(before) :]

    def _decode(self, token_ids: Sequence[int]) -> str:
        text: str = self._backend.decode(token_ids, skip_special_tokens=True)
        return text


def load_tokenizer(checkpoint: str | os.PathLike[str]) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or hub id, from `tokenizer.json` or else from `tokenizer.model`.

    It tokenises as IDEFICS was trained (`legacy=True`, which transformers 5 no longer does of itself).

    Raises:
        CheckpointError: its files are missing, damaged or not those of an IDEFICS checkpoint.
    """
    from transformers import LlamaTokenizer

    try:
        tokenizer = LlamaTokenizer.from_pretrained(os.fspath(checkpoint), legacy=True, add_prefix_space=True)
    except Exception as error:  # each file's reader has its own errors for what it cannot be
        raise CheckpointError(
            f"The tokenizer of {checkpoint} cannot be read: "
            "tokenizer.json or tokenizer.model is missing or damaged."
        ) from error
    check_golden_ids(tokenizer)
    return cast("PreTrainedTokenizerBase", tokenizer)


def check_golden_ids(tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes sure that a tokenizer with LLaMA's vocabulary gives the ids that IDEFICS was trained on.

    Other vocabularies, such as the built-in model's, have no known ids and are only checked for the
    special tokens.

    Raises:
        CheckpointError: a special token is missing or the ids differ; the message shows both.
    """
    encoder = TextEncoder(tokenizer)
    if backend_of(tokenizer).get_vocab_size(with_added_tokens=False) != LLAMA_VOCABULARY_SIZE:
        return
    vocabulary = tokenizer.get_vocab()
    found = {text: encoder.opening(text) for text in GOLDEN_IDS}
    found |= {token: [vocabulary[token]] for token in LLAMA_ADDED_TOKENS if token in vocabulary}
    expected = GOLDEN_IDS | {token: [token_id] for token, token_id in LLAMA_ADDED_TOKENS.items()}
    for text, ids in found.items():
        if ids != expected[text]:
            raise CheckpointError(
                f"The tokenizer turns {text!r} into {ids}, but IDEFICS was trained with {expected[text]}: "
                "its answers would be wrong. Use the checkpoint's own tokenizer files."
            )


def backend_of(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The `tokenizers` object that does a tokenizer's work.

    Raises:
        CheckpointError: the tokenizer is of another kind.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise CheckpointError(f"IDEFICS cannot use a tokenizer of the kind {type(tokenizer).__name__}.")
    return backend
