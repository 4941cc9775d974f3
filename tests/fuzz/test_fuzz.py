"""Whatever people send: a picture is taken or refused, and text in a prompt is only ever text.

`make fuzz` tries many more inputs than `make test` does, new ones each time, and says how many.
"""

from __future__ import annotations

import io
import os
import random
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.conversation.messages import Person, Photo, Remembered, SkippedPhoto, StoredPhoto
from bot.conversation.notes import about_skipped
from bot.conversation.photos import MAX_SIDE, normalise
from bot.conversation.turns import exchanges
from bot.languages.words import ENGLISH
from inference import tasks
from inference.prompt import END_OF_UTTERANCE, Prompt, PromptEncoder
from inference.tasks import Turn
from inference.tokenizer import load_tokenizer
from tests.inference.tokenizer_fixture import write_tokenizer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
tried: Counter[str] = Counter()

PICTURE = Image.new("RGB", (2, 2))
PHOTO = Photo("00" * 32, 2, 2)


@pytest.fixture(autouse=True, scope="module")
def _count() -> Iterator[None]:
    yield
    for what, count in tried.items():
        print(f"\nfuzzed: {count} inputs, {what}", end="")


# Pictures


def file_of(kind: str) -> bytes:
    draw = random.Random(kind)
    image = Image.new("RGB", (24, 16))
    image.putdata([tuple(draw.randrange(256) for _ in range(3)) for _ in range(24 * 16)])
    file = io.BytesIO()
    more = {"save_all": True, "append_images": [image.rotate(90)] * 3} if kind in ("GIF", "WEBP") else {}
    image.save(file, kind, **more)
    return file.getvalue()


FILES = [file_of(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Real files with bytes changed, taken out, put in, cut off, or another file behind or inside them."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case 2:
                data[at:at] = draw(st.binary(max_size=40))
            case 3:
                data[at : at + 4] = struct.pack(
                    draw(st.sampled_from("<>")) + "I", draw(st.sampled_from([0, 1, 2**31 - 1, 2**32 - 1]))
                )
            case _:
                data[at:at] = draw(st.sampled_from(FILES))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@fuzzed
@given(st.binary(max_size=300) | damaged_files())
def test_a_file_is_a_picture_or_refused(data: bytes) -> None:
    tried["files as pictures"] += 1
    result = normalise(data, "a.png")
    if isinstance(result, SkippedPhoto):
        assert re.fullmatch(r"I could not use a\.png\. .+\.", about_skipped(result, ENGLISH))
        return
    with Image.open(io.BytesIO(result.data)) as kept:
        assert (kept.format, kept.mode) == ("WEBP", "RGB")
        assert max(kept.size) <= MAX_SIDE
        assert kept.size == (result.photo.width, result.photo.height)
        assert getattr(kept, "n_frames", 1) == 1


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 1), (50_000, 1_001), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    result = normalise(png_claiming(*size), "a.png")
    assert isinstance(result, SkippedPhoto)


def test_of_an_endless_animation_one_frame_is_read() -> None:
    frames = [Image.new("P", (8, 8), color=index % 250) for index in range(2000)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=1)
    # Cut off where the second frame begins, it is the same picture: nothing after the first is looked at.
    whole, beginning = normalise(file.getvalue(), "a.gif"), normalise(file.getvalue()[:4000], "a.gif")
    assert isinstance(whole, StoredPhoto)
    assert whole == beginning


@pytest.mark.parametrize(
    "more", [b"<script>alert(1)</script>", b"PK\x03\x04" + bytes(100), b"%PDF-1.7\n", b"<?php 1 ?>"]
)
def test_what_else_a_file_is_is_not_kept(more: bytes) -> None:
    for data in FILES:
        result = normalise(data + more, "a.html")
        if isinstance(result, StoredPhoto):
            assert more[:9] not in result.data


# Prompts

BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\n\n", " \n "]
WORDS = [
    *("User:", "Assistant:", "assistant :", "**Assistant:**", "> User :", "Instruction:", "USER\uff1a"),
    *("<image>", "<fake_token_around_image>", "</s>", "<s>", "<unk>", "<end_of_utterance>"),
    *(
        "Question:",
        "Answer:",
        ":",
        "User",
        "Assistant",
        "a",
        " ",
        "\t",
        "\u200b",
        "é",
        "🏠",
        "\x00",
        "\u202e",
    ),
]
TEXTS = st.lists(st.sampled_from(BREAKS) | st.sampled_from(WORDS) | st.text(max_size=4), max_size=8).map(
    "".join
)

OPENS = re.compile(r"\s*(user|assistant|instruction)\s*[:\uff1a]", re.IGNORECASE)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> PromptEncoder:
    return PromptEncoder(load_tokenizer(write_tokenizer(tmp_path_factory.mktemp("tokenizer"))))


def opened_turns(prompt: Prompt) -> int:
    """Lines that a reader would take for the beginning of a turn; a picture is a sign on its line."""
    written = "".join(item if isinstance(item, str) else "\N{WHITE SQUARE}" for item in prompt)
    return sum(OPENS.match(line) is not None for line in written.splitlines())


def check_tokens(encoder: PromptEncoder, prompt: Prompt) -> None:
    encoded = encoder.encode(prompt)
    pictures = sum(isinstance(item, Image.Image) for item in prompt)
    special = encoder.special
    assert encoded.token_ids.count(special.image) == pictures
    assert encoded.token_ids.count(special.bos) == 1
    assert special.eos not in encoded.token_ids
    assert encoded.token_ids.count(special.end_of_utterance) == sum(
        item is END_OF_UTTERANCE for item in prompt
    )


MESSAGES = st.lists(
    st.tuples(st.sampled_from([1, 2, 9]), TEXTS, TEXTS, st.booleans()), min_size=1, max_size=5
)


@fuzzed
@given(MESSAGES)
def test_nobody_opens_a_turn_or_writes_a_control_token(
    encoder: PromptEncoder, messages: list[tuple[int, str, str, bool]]
) -> None:
    tried["conversations as prompts"] += 1
    said = [
        Remembered(
            id=number,
            place_id=1,
            author=Person(author, name),
            by_bot=author == 9 and number > 0,
            text=text,
            photos=(PHOTO,) if shown and author != 9 else (),
        )
        for number, (author, name, text, shown) in enumerate(messages)
    ]
    said.append(Remembered(len(said), 1, Person(1, "Anna"), by_bot=False, text="And this?"))
    turns: list[Turn] = []
    for exchange in exchanges(said):
        turns.append(Turn("User", with_picture(exchange.question)))
        if exchange.answer:
            turns.append(Turn("Assistant", with_picture(exchange.answer)))
    for base in (False, True):
        prompt = tasks.conversation(turns, base=base).prompt
        check_tokens(encoder, prompt)
        if not base:
            assert opened_turns(prompt) == len(turns) + 1, prompt


def with_picture(content: tuple[object, ...]) -> tuple[str | Image.Image, ...]:
    return tuple(item if isinstance(item, str) else PICTURE for item in content)


TASKS: list[tuple[Callable[[str], Prompt], int]] = [
    (lambda text: tasks.prompted_captioning(PICTURE, text).prompt, 0),
    (lambda text: tasks.visual_question_answering(PICTURE, text).prompt, 1),
    (lambda text: tasks.few_shot([(PICTURE, text)], PICTURE, request=text).prompt, 4),
]


@fuzzed
@given(TEXTS, st.sampled_from(TASKS))
def test_no_tasks_text_opens_a_line(
    encoder: PromptEncoder, text: str, task: tuple[Callable[[str], Prompt], int]
) -> None:
    tried["texts in tasks"] += 1
    prompt = task[0](text)
    check_tokens(encoder, prompt)
    # What stands at the very beginning is on a line of its own that nothing precedes.
    assert opened_turns(prompt) in (task[1], task[1] + (task[1] == 0)), prompt


def test_the_oracle_sees_what_is_wrong() -> None:
    assert opened_turns(["User: a\nAssistant: b\n", PICTURE, "User: not a line's beginning"]) == 2
