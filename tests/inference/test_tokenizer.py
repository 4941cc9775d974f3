from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import LlamaTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from inference.errors import CheckpointError
from inference.prompt import END_OF_UTTERANCE, PromptEncoder, PromptItem
from inference.tokenizer import SpecialTokens, TextEncoder, TextStream, check_golden_ids, load_tokenizer
from tests.inference.tokenizer_fixture import LLAMA_IDS, write_llama_like_tokenizer, write_tokenizer

PICTURE = Image.new("RGB", (2, 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(folder)


def copy_without(folder: Path, target: Path, *names: str) -> Path:
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*names))
    return target


@pytest.mark.parametrize(
    "missing",
    [
        ("tokenizer.model",),
        ("tokenizer.json",),
        ("tokenizer.model", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"),
        ("tokenizer.json", "special_tokens_map.json", "tokenizer_config.json"),
    ],
    ids=["no model", "no json", "json alone", "model and added tokens alone"],
)
def test_loads_whichever_files_there_are(
    folder: Path, tokenizer: PreTrainedTokenizerBase, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    loaded = load_tokenizer(copy_without(folder, tmp_path / "copy", *missing))
    assert SpecialTokens.of(loaded) == SpecialTokens.of(tokenizer)
    prompt: list[PromptItem] = [
        "User: Ça va?\n",
        PICTURE,
        " \nWhat's  this <image>?",
        END_OF_UTTERANCE,
        "\nAssistant:",
    ]
    assert PromptEncoder(loaded).encode(prompt) == PromptEncoder(tokenizer).encode(prompt)


def test_the_file_cannot_switch_legacy_tokenisation_off(folder: Path, tmp_path: Path) -> None:
    copy = copy_without(folder, tmp_path / "copy")
    path = copy / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"legacy": False, "add_prefix_space": False}))
    tokenizer = load_tokenizer(copy)
    around = "<fake_token_around_image>"
    text = f"<s>User:{around}<image>{around}Describe<end_of_utterance>\nAssistant:"
    prompt: list[PromptItem] = ["User:", PICTURE, "Describe", END_OF_UTTERANCE, "\nAssistant:"]
    expected = PromptEncoder(tokenizer).encode(prompt).token_ids
    assert tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) == expected
    around_text = TextEncoder(tokenizer).opening("Describe")
    assert tokenizer.convert_ids_to_tokens(around_text)[0].startswith("▁")


def test_text_is_encoded_as_sentencepiece_does(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    encoder = TextEncoder(tokenizer)
    for text in (
        "User: What is in this image?",
        "\nAssistant:",
        "two  spaces",
        "naïve 🦜",
        "81-storey",
        "</s>",
    ):
        assert encoder.opening(text) == model.encode(text)


def remove_everything(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def remove_added_tokens(folder: Path) -> None:
    for name in ("tokenizer.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"):
        (folder / name).unlink()


def cut_tokenizer_json(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text[: len(text) // 2])


def cut_tokenizer_model(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    data = (folder / "tokenizer.model").read_bytes()
    (folder / "tokenizer.model").write_bytes(data[: len(data) // 2])


def list_added_tokens(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "added_tokens.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_everything, "files are missing"),
        (remove_added_tokens, "has no <fake_token_around_image> token"),
        (cut_tokenizer_json, "missing or damaged"),
        (cut_tokenizer_model, "missing or damaged"),
        (list_added_tokens, "missing or damaged"),
    ],
)
def test_missing_and_damaged_files_are_said(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    copy = copy_without(folder, tmp_path / "copy")
    damage(copy)
    with pytest.raises(CheckpointError, match=message):
        load_tokenizer(copy)


def test_merges_that_build_special_tokens_are_taken_apart() -> None:
    letters = ["▁", "<", "/", "s", ">", "x", "</", "</s", "<s"]
    vocabulary = {piece: index for index, piece in enumerate(["<unk>", "<s>", "</s>", *letters])}
    merges = [("<", "/"), ("</", "s"), ("</s", ">"), ("<", "s"), ("<s", ">")]
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges, legacy=True)
    tokenizer.add_tokens(["<fake_token_around_image>", "<image>"], special_tokens=True)
    encoder = TextEncoder(tokenizer)
    spelt = [vocabulary[letter] for letter in "▁x</s>x"]
    assert encoder.opening("x</s>x") == spelt
    assert encoder.continuing("</s><s>") == [vocabulary[letter] for letter in "</s><s>"]


def test_llama_vocabulary_gives_the_golden_ids(tmp_path: Path) -> None:
    encoder = PromptEncoder(load_tokenizer(write_llama_like_tokenizer(tmp_path)))
    turn = encoder.encode(["User:", PICTURE, "Can you tell", END_OF_UTTERANCE, "\nAssistant:"])
    assert turn.token_ids == (
        *(1, 4911, 29901, 32000, 32001, 32000, 1815, 366, 2649),
        *(32002, 29871, 13, 7900, 22137, 29901),
    )


@pytest.mark.parametrize("instead", [{"▁you": 2649, "▁tell": 366}, {":": 29902}, {"istant": 22138}])
def test_another_vocabulary_of_that_size_is_refused(tmp_path: Path, instead: dict[str, int]) -> None:
    folder = write_llama_like_tokenizer(tmp_path, LLAMA_IDS | instead)
    with pytest.raises(CheckpointError, match="IDEFICS was trained with"):
        load_tokenizer(folder)


def test_added_tokens_in_another_order_are_refused(tmp_path: Path) -> None:
    folder = write_llama_like_tokenizer(tmp_path)
    for name in ("tokenizer.json", "added_tokens.json"):
        path = folder / name
        text = path.read_text().replace("<image>", "<SWAP>")
        text = text.replace("<fake_token_around_image>", "<image>")
        path.write_text(text.replace("<SWAP>", "<fake_token_around_image>"))
    with pytest.raises(CheckpointError, match="IDEFICS was trained with"):
        load_tokenizer(folder)


def test_no_space_in_front_of_a_line_break_is_refused(tmp_path: Path) -> None:
    tokenizer = LlamaTokenizer.from_pretrained(write_llama_like_tokenizer(tmp_path), add_prefix_space=False)
    with pytest.raises(CheckpointError, match="IDEFICS was trained with"):
        check_golden_ids(tokenizer)


def test_another_kind_of_tokenizer_is_refused() -> None:
    with pytest.raises(CheckpointError, match="kind"):
        check_golden_ids(object())


def test_a_tokenizer_without_end_of_sequence_is_refused(folder: Path) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>")
    tokenizer.eos_token = None
    with pytest.raises(CheckpointError, match="end of sequence"):
        SpecialTokens.of(tokenizer)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(exclude_characters="\N{REPLACEMENT CHARACTER}", codec="utf-8"), max_size=40)
)
def test_streamed_pieces_make_up_the_decoded_text(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    token_ids = TextEncoder(tokenizer).opening(text)
    stream = TextStream(tokenizer)
    pieces = [stream.add(token_id) for token_id in token_ids]
    assert "".join(pieces) == tokenizer.decode(token_ids, skip_special_tokens=True)
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(token_ids=st.lists(st.integers(0, 482), max_size=30))
def test_a_stream_takes_any_ids(tokenizer: PreTrainedTokenizerBase, token_ids: list[int]) -> None:
    stream = TextStream(tokenizer)
    for token_id in token_ids:
        stream.add(token_id)
    shown = stream.add(tokenizer.convert_tokens_to_ids("▁the"))
    assert shown.endswith("the")


def test_a_character_of_several_ids_comes_out_whole(tokenizer: PreTrainedTokenizerBase) -> None:
    token_ids = TextEncoder(tokenizer).opening("a 🦜 b")
    stream = TextStream(tokenizer)
    assert [piece for piece in map(stream.add, token_ids) if piece] == ["a", " ", "🦜", " b"]
