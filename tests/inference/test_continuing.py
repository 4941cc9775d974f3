"""An answer that goes on from ids that were generated before reads as if it had never been cut off."""

from __future__ import annotations

import asyncio

import pytest
from PIL import Image, ImageDraw
from transformers import PreTrainedTokenizerBase

from inference import END_OF_UTTERANCE, Generated, Options, load_engine
from inference.answer import Answer
from inference.loading import DEMO_FOLDER
from inference.prompt import PromptEncoder


def test_only_generated_ids_at_the_end_are_a_beginning(small_tokenizer: PreTrainedTokenizerBase) -> None:
    encoder = PromptEncoder(small_tokenizer)
    assert encoder.encode(["User:", "Assistant:"]).answer_begun == ()
    assert encoder.encode(["User:", Generated((300, 301)), "and"]).answer_begun == ()
    assert encoder.encode(["User:", Generated((300, 301))]).answer_begun == (300, 301)


def test_the_space_between_two_words_is_not_lost(small_tokenizer: PreTrainedTokenizerBase) -> None:
    ids: list[int] = small_tokenizer.encode("a house and a tree", add_special_tokens=False)
    for cut in range(1, len(ids)):
        answer = Answer(small_tokenizer, end_ids=frozenset(), stop=(), max_new_tokens=100, after=ids[:cut])
        text = "".join(answer.add(token_id) for token_id in ids[cut:])
        assert small_tokenizer.decode(ids[:cut]) + text == "a house and a tree"
        assert list(answer.token_ids) == ids[cut:]


@pytest.mark.skipif(not DEMO_FOLDER.exists(), reason="the built-in model is not there")
def test_a_whole_answer_is_its_parts() -> None:
    picture = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(picture).ellipse((100, 100, 200, 200), fill="red")
    prompt = ["User:", picture, "What is in this image?", END_OF_UTTERANCE, "\nAssistant:"]

    async def main() -> None:
        async with load_engine("demo") as engine:
            whole = await engine.generate(prompt, Options(max_new_tokens=40))
            for length in (1, 3, 6):
                begun = await engine.generate(prompt, Options(max_new_tokens=length))
                assert begun.finish_reason == "length"
                rest = await engine.generate(
                    [*prompt, Generated(begun.token_ids)], Options(max_new_tokens=40)
                )
                assert begun.text + rest.text == whole.text
                assert begun.token_ids + rest.token_ids == whole.token_ids

    asyncio.run(main())
