"""Texts and pictures, interleaved, to token ids, and which picture each token sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, final

from PIL import Image

from inference.errors import PromptError
from inference.tokenizer import SpecialTokens, TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@final
class EndOfUtterance:
    """The kind of `END_OF_UTTERANCE`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "END_OF_UTTERANCE"


END_OF_UTTERANCE: Final = EndOfUtterance()
"""Ends a turn. The same characters in a text are only characters."""


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer of the model, put into the prompt as the ids it consisted of.

    Encoding its text again could give other ids, and nothing computed for them could be used again.
    """

    token_ids: tuple[int, ...]


PromptItem = str | Image.Image | EndOfUtterance | Generated
Prompt = Sequence[PromptItem]


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the model reads it."""

    token_ids: tuple[int, ...]
    """Begins with the beginning-of-sequence id; each picture has one `<image>` id."""
    pictures: tuple[Image.Image, ...]
    """In the order of their `<image>` ids, not yet preprocessed."""
    picture_of_token: tuple[int, ...]
    """For each token the index in `pictures` of the one it attends to, the last before it; -1 for none."""
    answer_begun: tuple[int, ...] = ()
    """The ids at the end that the model generated itself: the answer goes on from them."""


class PromptEncoder:
    """Encodes prompts with one checkpoint's tokenizer; safe to use from several threads.

    The ids and the picture of each token equal those of `IdeficsProcessor` in transformers, except that
    text is only ever text: special tokens and addresses in it are characters.

    Raises:
        CheckpointError: the tokenizer lacks the special tokens of IDEFICS.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocabulary_size: int | None = None) -> None:
        """With the model's `vocabulary_size` the ids of a `Generated` are checked, else taken as is."""
        self.special = SpecialTokens.of(tokenizer)
        self._text = TextEncoder(tokenizer)
        self._vocabulary_size = vocabulary_size

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """The ids of `prompt`. Each text loses the spaces at its ends, then neighbouring texts are joined.

        Raises:
            PromptError: an item is of another kind, a `Generated` has ids that no answer can have, or the
                checkpoint has no end-of-utterance token.
        """
        special = self.special
        ids = [special.bos]
        pictures: list[Image.Image] = []
        items = _join_texts(prompt)
        for previous, item in pairwise((None, *items)):
            if isinstance(item, str):
                goes_on = isinstance(previous, Generated)
                ids += self._text.continuing(item) if goes_on else self._text.opening(item)
            elif isinstance(item, Image.Image):
                if not isinstance(previous, Image.Image):
                    ids.append(special.fake_token_around_image)
                ids += (special.image, special.fake_token_around_image)
                pictures.append(item)
            elif isinstance(item, Generated):
                ids += self._generated(item)
            elif isinstance(item, EndOfUtterance):
                if special.end_of_utterance is None:
                    raise PromptError(
                        "This checkpoint has no end-of-utterance token: write the turns as for a base model, "
                        "or use an instruct checkpoint."
                    )
                ids.append(special.end_of_utterance)
            else:
                raise PromptError(f"A prompt holds texts and pictures, not {type(item).__name__}.")
        begun = items[-1].token_ids if items and isinstance(items[-1], Generated) else ()
        return EncodedPrompt(tuple(ids), tuple(pictures), self._picture_of_each(ids), begun)

    def encode_continuation(self, prompt: Prompt, text: str) -> tuple[int, ...]:
        """The ids that `text`, such as a label, adds when the answer to `prompt` is that text.

        After a word it is a new word, with the space that the model would write in front of it; after a
        line break it begins the line.
        """
        text = text.strip(" ")
        last = next((item for item in reversed(_join_texts(prompt)) if item != ""), None)
        if not isinstance(last, str | Generated):
            return tuple(self._text.opening(text))
        at_line_start = isinstance(last, str) and last[-1].isspace()
        return tuple(self._text.continuing(text if at_line_start else f" {text}"))

    def _generated(self, item: Generated) -> tuple[int, ...]:
        if self._vocabulary_size is None:
            return item.token_ids
        # An `<image>` without its picture would move every later picture's place.
        pictures = (self.special.image, self.special.fake_token_around_image)
        for token_id in item.token_ids:
            if not isinstance(token_id, int) or not 0 <= token_id < self._vocabulary_size:
                raise PromptError(
                    f"A generated answer has the id {token_id!r}, which is none of this model's: "
                    "use the ids of its own answers."
                )
            if token_id in pictures:
                raise PromptError("A generated answer holds no picture: put the picture into the prompt.")
        return item.token_ids

    def _picture_of_each(self, ids: Sequence[int]) -> tuple[int, ...]:
        seen: list[int] = []
        pictures = 0
        ended = False
        for token_id in ids:
            if token_id == self.special.image:
                pictures += 1
                ended = False
            seen.append(-1 if ended else pictures - 1)
            # What follows the end of a document belongs to another one, until that one's first picture.
            ended = ended or token_id == self.special.eos
        return tuple(seen)


def _join_texts(prompt: Prompt) -> list[PromptItem]:
    if isinstance(prompt, str):
        raise PromptError("A prompt is a list of texts and pictures, not a single text.")
    joined: list[PromptItem] = []
    for item in prompt:
        if not isinstance(item, str):
            joined.append(item)
        elif joined and isinstance(joined[-1], str):
            joined[-1] += item.strip(" ")
        else:
            joined.append(item.strip(" "))
    return joined
