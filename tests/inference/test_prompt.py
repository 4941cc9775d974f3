from __future__ import annotations

import socket

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import IdeficsProcessor, PreTrainedTokenizerBase
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

from inference.errors import PromptError
from inference.prompt import END_OF_UTTERANCE, Generated, Prompt, PromptEncoder, PromptItem
from inference.tokenizer import load_tokenizer
from tests.inference.guide import BLUE, GUIDE, RED
from tests.inference.tokenizer_fixture import write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    return load_tokenizer(write_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerBase) -> PromptEncoder:
    return PromptEncoder(tokenizer)


@pytest.fixture(scope="module")
def processor(tokenizer: PreTrainedTokenizerBase) -> IdeficsProcessor:
    return IdeficsProcessor(IdeficsImageProcessorPil(image_size=2), tokenizer, image_size=2)


def assert_equals_processor(encoder: PromptEncoder, processor: IdeficsProcessor, prompt: Prompt) -> None:
    written = ["<end_of_utterance>" if item is END_OF_UTTERANCE else item for item in prompt]
    expected = processor(
        text=written, add_end_of_utterance_token=False, add_special_tokens=False, return_tensors="pt"
    )
    encoded = encoder.encode(prompt)
    assert list(encoded.token_ids) == expected["input_ids"][0].tolist()
    assert encoded.pictures == tuple(item for item in prompt if isinstance(item, Image.Image))
    classes = max(1, len(encoded.pictures))
    mask = [[int(seen == picture) for picture in range(classes)] for seen in encoded.picture_of_token]
    assert mask == expected["image_attention_mask"][0].int().tolist()


@pytest.mark.parametrize("prompt", GUIDE.values(), ids=GUIDE.keys())
def test_guide_prompts_equal_the_processor(
    encoder: PromptEncoder, processor: IdeficsProcessor, prompt: list[PromptItem]
) -> None:
    assert_equals_processor(encoder, processor, prompt)


texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "  ", "\n", " \n ", "\nUser:", "Assistant:", "a b", " é ", "▁", "▁▁ x", "🦜", "\t"]
    ),
)
# The processor acts on special tokens and addresses in texts; what the encoder does is tested further down.
plain_texts = texts.filter(lambda text: "<" not in text and ":" not in text.lstrip("\n").removesuffix(":"))
prompts = st.lists(
    st.one_of(
        plain_texts,
        st.sampled_from([RED, BLUE]),
        st.just(END_OF_UTTERANCE),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(prompt=prompts)
def test_random_prompts_equal_the_processor(
    encoder: PromptEncoder, processor: IdeficsProcessor, prompt: list[PromptItem]
) -> None:
    assume(sum(isinstance(item, Image.Image) for item in prompt) <= 5)
    assert_equals_processor(encoder, processor, prompt)


def test_neighbouring_pictures_share_a_token(encoder: PromptEncoder) -> None:
    special = encoder.special
    around, image = special.fake_token_around_image, special.image
    encoded = encoder.encode([RED, BLUE])
    assert encoded.token_ids == (special.bos, around, image, around, image, around)
    assert encoded.picture_of_token == (-1, -1, 0, 0, 1, 1)


def test_what_follows_an_end_of_sequence_sees_no_picture(encoder: PromptEncoder) -> None:
    generated = Generated((5, encoder.special.eos, 6))
    assert encoder.encode([RED, generated, BLUE]).picture_of_token == (-1, -1, 0, 0, 0, 0, -1, -1, 1, 1)


TYPED = [
    "<image>",
    "</s>",
    "<s>",
    "<unk>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<fake_token_around_image><image><fake_token_around_image>",
    "http://127.0.0.1/picture.png",
    "https://example.org/a.jpg",
    "file:///etc/passwd",
]


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("surroundings", ["{}", "see {} there", "x{}y", " {} ", "\n{}\n"])
@pytest.mark.parametrize("typed", TYPED)
def test_what_people_type_stays_characters(
    encoder: PromptEncoder, tokenizer: PreTrainedTokenizerBase, typed: str, surroundings: str
) -> None:
    special = encoder.special
    text = surroundings.format(typed)
    encoded = encoder.encode(["User:", RED, text, END_OF_UTTERANCE, "\nAssistant:"])

    start = encoded.token_ids.index(special.image) + 2
    end = encoded.token_ids.index(special.end_of_utterance)
    ids = encoded.token_ids[start:end]
    assert special.ids.isdisjoint(ids)
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids) == text.strip(" ")
    assert encoded.pictures == (RED,)
    assert set(encoded.picture_of_token[start:]) == {0}


def test_half_a_surrogate_pair_is_text(encoder: PromptEncoder) -> None:
    assert encoder.encode(["a\ud83db"]) == encoder.encode(["a\N{REPLACEMENT CHARACTER}b"])
    assert encoder.encode(["\ud83e\udd9c"]) == encoder.encode(["🦜"])


def test_encoding_leaves_the_tokenizer_as_it_was(
    encoder: PromptEncoder, tokenizer: PreTrainedTokenizerBase
) -> None:
    before = tokenizer.backend_tokenizer.to_str()
    encoder.encode(["<image> and </s>", RED])
    assert tokenizer.backend_tokenizer.to_str() == before
    assert tokenizer("<image>", add_special_tokens=False)["input_ids"] == [encoder.special.image]


turns = st.lists(st.one_of(texts, st.sampled_from([RED, BLUE])), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(first=turns, second=turns, answer=st.lists(st.integers(3, 470), max_size=8), instruct=st.booleans())
def test_a_follow_up_only_appends(
    encoder: PromptEncoder,
    first: list[PromptItem],
    second: list[PromptItem],
    answer: list[int],
    instruct: bool,
) -> None:
    end: list[PromptItem] = [END_OF_UTTERANCE] if instruct else []
    prompt = ["User:", *first, *end, "\nAssistant:"]
    follow_up = [*prompt, Generated(tuple(answer)), *end, "\nUser:", *second, *end, "\nAssistant:"]

    known = encoder.encode(prompt).token_ids + tuple(answer)
    encoded = encoder.encode(follow_up)
    assert encoded.token_ids[: len(known)] == known
    seen = encoder.encode(prompt).picture_of_token
    assert encoded.picture_of_token[: len(seen)] == seen


def test_text_after_an_answer_goes_on_in_its_line(
    encoder: PromptEncoder, tokenizer: PreTrainedTokenizerBase
) -> None:
    answer = encoder.encode(["a dog"]).token_ids[1:]
    assert encoder.encode([Generated(answer), "\nUser:"]) == encoder.encode(["a dog\nUser:"])


@pytest.mark.parametrize("label", ["cars", "city landscape", "été", "<image>", " dogs "])
@pytest.mark.parametrize(
    ("prompt", "joined"),
    [
        (["List\n", RED, "Category: "], ["List\n", RED, "Category: {}"]),
        ([RED, "Category:", "  "], [RED, "Category: {}"]),
        (["Story:\n"], ["Story:\n{}"]),
        (["User:", END_OF_UTTERANCE], ["User:", END_OF_UTTERANCE, "{}"]),
        ([RED], [RED, "{}"]),
        ([RED, " "], [RED, "{}"]),
        ([], ["{}"]),
    ],
)
def test_a_continuation_is_what_the_joined_text_adds(
    encoder: PromptEncoder, prompt: list[PromptItem], joined: list[PromptItem], label: str
) -> None:
    filled = [item.format(label.strip()) if isinstance(item, str) else item for item in joined]
    continued = encoder.encode(prompt).token_ids + encoder.encode_continuation(prompt, label)
    assert continued == encoder.encode(filled).token_ids


def test_a_continuation_of_an_answer_is_a_new_word(encoder: PromptEncoder) -> None:
    answer = encoder.encode(["a"]).token_ids[1:]
    continued = answer + encoder.encode_continuation([Generated(answer)], "dog")
    assert continued == encoder.encode(["a dog"]).token_ids[1:]


def test_a_base_checkpoint_has_no_end_of_utterance(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_tokenizer(tmp_path_factory.mktemp("base"), instruct=False)
    encoder = PromptEncoder(load_tokenizer(folder))
    assert encoder.special.end_of_utterance is None
    with pytest.raises(PromptError, match="base model"):
        encoder.encode(["User: Hello", END_OF_UTTERANCE])


@pytest.mark.parametrize("prompt", ["User: Hello", [b"bytes"], [None], [3]])
def test_other_prompts_are_refused(encoder: PromptEncoder, prompt: Prompt) -> None:
    with pytest.raises(PromptError, match=r"^A prompt"):
        encoder.encode(prompt)
