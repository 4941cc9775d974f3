"""The reference engine against `generate` called directly on the processor's inputs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar, cast

import pytest
import torch
from PIL import Image
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import (
    Engine,
    EngineError,
    Generated,
    Options,
    PictureError,
    Prompt,
    PromptError,
    Reply,
    ReplyStream,
    load_engine,
)
from inference.prepared import THREADS
from inference.preprocessing import Preprocessor
from inference.prompt import PromptEncoder
from inference.reference import runner
from inference.reference.batch import PICTURES_AT_ONCE
from inference.threaded import MAX_CHARACTERS_PER_TOKEN
from inference.worker import Worker
from tests.inference.checkpoints import CONTEXT, PICTURE_SIZE, picture, small_config, small_model
from tests.inference.oracle import PROMPTS, RED, VARIANTS, Oracle

Result = TypeVar("Result")


@pytest.fixture(scope="module", params=VARIANTS)
def any_model(request: pytest.FixtureRequest) -> IdeficsForVisionText2Text:
    return small_model(small_config(**VARIANTS[request.param]))


@pytest.fixture
def model() -> IdeficsForVisionText2Text:
    return small_model(small_config(qk_layer_norms=True))


class Gate:
    """Holds up the model's forward passes until the test lets them through, and notes them.

    Made on the event loop; as a context manager it leaves the model as it was.
    """

    def __init__(self, model: IdeficsForVisionText2Text) -> None:
        self.rows: list[int] = []
        """The number of rows of each pass that was let through."""
        self.threads: set[tuple[str, int]] = set()
        """The names of the passes' threads, and how many threads torch divided their work among."""
        self._loop = asyncio.get_running_loop()
        self._arrivals = asyncio.Semaphore(0)
        self._permits = threading.Semaphore(0)
        self._hook = model.register_forward_pre_hook(self._before, with_kwargs=True)

    def _before(self, _: object, args: object, kwargs: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._arrivals.release)
        self._permits.acquire()
        self.rows.append(len(kwargs["input_ids"]))
        self.threads.add((threading.current_thread().name, torch.get_num_threads()))

    def open(self, passes: int = 10_000) -> None:
        self._permits.release(passes)

    async def arrival(self) -> None:
        """Returns when the next pass stands at the gate."""
        await self._arrivals.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._hook.remove()


def run(
    model: IdeficsForVisionText2Text,
    tokenizer: PreTrainedTokenizerBase,
    work: Callable[[Engine], Awaitable[Result]],
) -> Result:
    async def main() -> Result:
        async with (
            asyncio.timeout(60),
            load_engine(model=model, tokenizer=tokenizer, reference=True) as engine,
        ):
            return await work(engine)

    return asyncio.run(main())


async def asked_together(
    engine: Engine, gate: Gate, requests: Sequence[tuple[Prompt, Options]]
) -> list[Reply | BaseException]:
    """What comes of requests that all wait when the worker is ready for them."""
    busy = asyncio.create_task(engine.generate(["wait"], Options(max_new_tokens=1)))
    await gate.arrival()
    together = asyncio.gather(
        *(engine.generate(prompt, options) for prompt, options in requests), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.open()
    await busy
    return await together


def replies(
    model: IdeficsForVisionText2Text,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[tuple[Prompt, Options]],
) -> tuple[list[Reply], Gate]:
    """The replies to requests that were asked together, and what was noted of the passes."""

    async def work(engine: Engine) -> tuple[list[Reply], Gate]:
        with Gate(model) as gate:
            outcomes = await asked_together(engine, gate, requests)
            for outcome in outcomes:
                assert isinstance(outcome, Reply), outcome
            return cast("list[Reply]", outcomes), gate

    return run(model, tokenizer, work)


def test_a_mixed_batch_gives_each_prompt_what_generate_gives_it_alone(
    any_model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    oracle = Oracle(any_model, small_tokenizer)
    lengths = [12, 3, 20, 9, 12]
    expected = [
        oracle.answer(prompt, max_new_tokens=length) for prompt, length in zip(PROMPTS, lengths, strict=True)
    ]
    requests = [
        (prompt, Options(max_new_tokens=length)) for prompt, length in zip(PROMPTS, lengths, strict=True)
    ]
    found, gate = replies(any_model, small_tokenizer, requests)
    assert [reply.token_ids for reply in found] == expected
    assert gate.rows[1] == len(PROMPTS)
    assert len({expected[1], expected[2], expected[3]}) == 3
    for prompt, reply in zip(PROMPTS, found, strict=True):
        assert reply.prompt_tokens == oracle.inputs(prompt)["input_ids"].shape[1]
        assert reply.completion_tokens == len(reply.token_ids)


def test_another_picture_gives_another_answer(
    any_model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    options = Options(max_new_tokens=12)
    noise = Image.effect_noise((50, 50), 200)
    requests: list[tuple[Prompt, Options]] = [(["What?", image, "It is"], options) for image in (RED, noise)]
    found, _ = replies(any_model, small_tokenizer, requests)
    assert found[0].token_ids != found[1].token_ids


def test_beams_are_those_of_generate(
    any_model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    oracle = Oracle(any_model, small_tokenizer)
    prompts = [PROMPTS[0], PROMPTS[1], PROMPTS[3]]
    expected = [oracle.answer(prompt, max_new_tokens=10, num_beams=3) for prompt in prompts]
    options = Options(max_new_tokens=10, num_beams=3)
    found, gate = replies(any_model, small_tokenizer, [(prompt, options) for prompt in prompts])
    assert [reply.token_ids for reply in found] == expected
    assert gate.rows[1] == 3 * len(prompts)


def test_beams_find_the_added_tokens_in_the_vocabulary(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    sizes: list[tuple[int, int]] = []

    def note(_: object, args: object, output: Any) -> None:
        sizes.append((model.config.get_text_config().vocab_size, output.logits.shape[-1]))

    model.register_forward_hook(note)
    before = model.config.vocab_size
    replies(model, small_tokenizer, [(PROMPTS[1], Options(max_new_tokens=4, num_beams=2))])
    *_, beams = sizes
    assert beams[0] == beams[1]  # what transformers 5.17 relies on
    assert model.config.vocab_size == before


def test_beams_and_single_rows_do_not_share_a_batch(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    options = [Options(max_new_tokens=4), Options(max_new_tokens=4, num_beams=2), Options(max_new_tokens=5)]
    found, gate = replies(model, small_tokenizer, [(PROMPTS[1], each) for each in options])
    assert [reply.completion_tokens for reply in found] == [4, 4, 5]
    assert set(gate.rows) == {1, 2}


def test_picture_tokens_are_never_generated(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    requests: list[tuple[Prompt, Options]] = [(PROMPTS[1], Options(max_new_tokens=8))]
    plain = replies(model, small_tokenizer, requests)[0][0]
    with torch.no_grad():  # Wherever the first token was best, the picture tokens are better now.
        favourite = model.lm_head.weight[plain.token_ids[0]]
        model.lm_head.additional_fc.weight[:2] = favourite * 2
    requests += [(PROMPTS[1], Options(max_new_tokens=8, temperature=1.0, seed=1))]
    found, _ = replies(model, small_tokenizer, requests)
    beams, _ = replies(model, small_tokenizer, [(PROMPTS[1], Options(max_new_tokens=8, num_beams=2))])
    assert found[0].token_ids[0] == plain.token_ids[0]
    for reply in (*found, *beams):
        assert reply.completion_tokens == 8
        assert not {480, 481} & set(reply.token_ids)


@pytest.mark.parametrize(("end", "token_id"), [("</s>", 2), ("<end_of_utterance>", 482)])
def test_an_end_token_ends_the_answer(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, end: str, token_id: int
) -> None:
    assert small_tokenizer.convert_tokens_to_ids(end) == token_id
    options = Options(max_new_tokens=10)
    plain = replies(model, small_tokenizer, [(PROMPTS[1], options)])[0][0]
    assert plain.finish_reason == "length"
    last = next(at for at in range(1, 10) if plain.token_ids[at] not in plain.token_ids[:at])
    with torch.no_grad():
        favourite = model.lm_head.weight[plain.token_ids[last]] * 2
        if token_id == 2:
            model.lm_head.weight[2] = favourite
        else:
            model.lm_head.additional_fc.weight[2] = favourite
    expected = Oracle(model, small_tokenizer).answer(PROMPTS[1], max_new_tokens=10)
    found, gate = replies(model, small_tokenizer, [(PROMPTS[1], options)])
    assert found[0].token_ids == expected == plain.token_ids[: len(expected)]
    assert found[0].finish_reason == "stop"
    assert len(expected) <= last
    assert len(gate.rows) == 1 + len(expected) + 1


def test_a_stop_text_ends_the_answer(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    plain = replies(model, small_tokenizer, [(PROMPTS[1], Options(max_new_tokens=30))])[0][0]
    stop = plain.text[8:11]
    cut = plain.text[: plain.text.index(stop)]
    options = Options(max_new_tokens=30, stop=("not there", stop))
    found, gate = replies(
        model, small_tokenizer, [(PROMPTS[1], options), (PROMPTS[1], Options(max_new_tokens=30))]
    )
    assert found[0].text == cut
    assert found[0].finish_reason == "stop"
    assert plain.token_ids[: len(found[0].token_ids)] == found[0].token_ids
    assert small_tokenizer.decode(found[0].token_ids) in cut
    assert found[1].text == plain.text
    alone, gate = replies(model, small_tokenizer, [(PROMPTS[1], options)])
    assert alone == found[:1]
    assert len(gate.rows) < 30


def test_a_stop_text_ends_beams_but_not_for_being_in_the_prompt(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    def beams(*stop: str) -> tuple[Reply, int]:
        options = Options(max_new_tokens=16, num_beams=2, stop=stop)
        found, gate = replies(model, small_tokenizer, [(PROMPTS[1], options)])
        return found[0], len(gate.rows)

    plain, passes = beams()
    assert beams("\nAssistant:") == (plain, passes)
    stop = plain.text[5:8]
    stopped, passes_until_stop = beams(stop, "\nAssistant:")
    assert stop not in stopped.text
    assert stopped.text
    assert stopped.finish_reason == "stop"
    assert passes_until_stop < passes


def test_the_same_seed_gives_the_same_answer_in_any_company(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    def sampled(seed: int | None) -> Options:
        return Options(max_new_tokens=12, temperature=1.0, top_p=0.9, seed=seed)

    alone = replies(model, small_tokenizer, [(PROMPTS[1], sampled(7))])[0][0]
    company = [
        (PROMPTS[3], sampled(1)),
        (PROMPTS[1], sampled(7)),
        (PROMPTS[1], sampled(8)),
        (PROMPTS[1], Options(max_new_tokens=12)),
        (PROMPTS[1], sampled(None)),
        (PROMPTS[1], sampled(None)),
        (PROMPTS[1], sampled(-3)),
    ]
    found, gate = replies(model, small_tokenizer, company)
    assert gate.rows[1] == len(company)
    assert found[1] == alone
    assert len({reply.token_ids for reply in found}) == len(company)
    assert found[3].token_ids == Oracle(model, small_tokenizer).answer(PROMPTS[1], max_new_tokens=12)


def test_pieces_joined_are_the_text(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    options = Options(max_new_tokens=24, temperature=1.5, seed=5)

    async def work(engine: Engine) -> None:
        whole = await engine.generate(PROMPTS[1], options)
        for stop in ((), (whole.text[9:12],)):
            stopping = Options(max_new_tokens=24, temperature=1.5, seed=5, stop=stop)
            stream = engine.stream(PROMPTS[1], stopping)
            assert stream.reply is None
            pieces = [piece async for piece in stream]
            assert stream.reply is not None
            assert len(pieces) > 1
            assert all(pieces)
            assert (
                "".join(pieces)
                == stream.reply.text
                == (whole.text.partition(stop[0])[0] if stop else whole.text)
            )
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(model, small_tokenizer, work)


def test_leaving_the_loop_stops_the_devices_work(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    async def work(engine: Engine) -> None:
        with Gate(model) as gate:
            stream = engine.stream(PROMPTS[1], Options(max_new_tokens=200))
            gate.open(3)
            async for _ in stream:
                break
            gate.open()
            await engine.generate(["next"], Options(max_new_tokens=1))
            assert len(gate.rows) <= 3 + 1 + 1
            assert stream.reply is None
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(model, small_tokenizer, work)


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_cancelled_task_stops_the_devices_work_and_nobody_elses(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, num_beams: int
) -> None:
    options = Options(max_new_tokens=20, num_beams=num_beams)

    async def work(engine: Engine) -> None:
        expected = await engine.generate(PROMPTS[1], options)
        with Gate(model) as gate:
            lonely = asyncio.create_task(engine.generate(PROMPTS[2], options))
            await gate.arrival()
            waiting = asyncio.create_task(engine.generate(PROMPTS[2], options))
            staying = asyncio.create_task(engine.generate(PROMPTS[1], options))
            await asyncio.sleep(0)
            lonely.cancel()
            waiting.cancel()
            await asyncio.wait([lonely, waiting])
            gate.open()
            assert await staying == expected
            assert gate.rows[0] == num_beams
            assert len(gate.rows) == 1 + 20
            assert set(gate.rows) == {num_beams}

    run(model, small_tokenizer, work)


def test_closing_a_stream_ends_whoever_waits_for_its_next_piece(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    async def work(engine: Engine) -> None:
        with Gate(model) as gate:
            stream = engine.stream(PROMPTS[1], Options(max_new_tokens=200))
            waiting = asyncio.create_task(collect(stream))
            await gate.arrival()
            await stream.aclose()
            assert await waiting == []

    run(model, small_tokenizer, work)


def test_one_request_that_fails_does_not_take_the_others_with_it(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = Options(max_new_tokens=6)
    poisoned: Prompt = ["This", picture("black"), "cannot be encoded"]
    without_pixels: Prompt = ["A", Image.new("RGB", (0, 0)), "picture"]
    poison = torch.from_numpy(Preprocessor(size=PICTURE_SIZE)(picture("black")))

    def refuse(_: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        if any(torch.equal(pixels, poison) for pixels in kwargs["pixel_values"]):
            raise RuntimeError("the encoder choked")

    model.model.vision_model.register_forward_pre_hook(refuse, with_kwargs=True)

    async def work(engine: Engine) -> None:
        expected = await engine.generate(PROMPTS[1], options)
        with Gate(model) as gate:
            prompts = [PROMPTS[1], poisoned, without_pixels, PROMPTS[1]]
            outcomes = await asked_together(engine, gate, [(prompt, options) for prompt in prompts])
        assert outcomes[0] == outcomes[3] == expected
        assert isinstance(outcomes[1], EngineError)
        assert isinstance(outcomes[2], PictureError)
        with pytest.raises(EngineError):
            await collect(engine.stream(poisoned, options))
        with pytest.raises(EngineError):
            await engine.rank(poisoned, ["a", "b"])
        assert await engine.generate(PROMPTS[1], options) == expected

    with caplog.at_level(logging.ERROR):
        run(model, small_tokenizer, work)
    assert "the encoder choked" in caplog.text


def test_a_batch_that_fails_halfway_goes_on_where_it_was(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    options = Options(max_new_tokens=10, temperature=1.0, seed=2)
    passes = 0

    def fail_once(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 5:
            raise RuntimeError("the device had a bad moment")

    async def work(engine: Engine) -> None:
        expected = [await engine.generate(prompt, options) for prompt in PROMPTS[1:3]]
        hook = model.register_forward_pre_hook(fail_once)
        with Gate(model) as gate:
            busy = asyncio.create_task(engine.generate(["wait"], Options(max_new_tokens=1)))
            await gate.arrival()
            streams = [engine.stream(prompt, options) for prompt in PROMPTS[1:3]]
            texts = asyncio.gather(*map(collect, streams))
            await asyncio.sleep(0)
            gate.open()
            await busy
            assert ["".join(pieces) for pieces in await texts] == [reply.text for reply in expected]
            assert [stream.reply for stream in streams] == expected
        hook.remove()

    run(model, small_tokenizer, work)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ([], "empty"),
        ([""], "empty"),
        (["  "], "empty"),
        (["word " * 400], str(CONTEXT)),
        ([RED] * 200, str(CONTEXT)),
        (["x" * 100_000], "100,000"),
        (["This", Generated((99_999,)), "is no token"], "99999"),
        (["This", Generated((483,)), "is one too many"], "483"),
        ([Generated((-1,))], "-1"),
        ([Generated((1.5,))], "1.5"),  # type: ignore[arg-type]
        ([RED, Generated((300, 481)), "x"], "put the picture into the prompt"),
    ],
)
def test_prompts_that_cannot_be_answered(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, prompt: Prompt, words: str
) -> None:
    async def work(engine: Engine) -> None:
        for attempt in (engine.generate(prompt), collect(engine.stream(prompt)), engine.rank(prompt, ["a"])):
            with pytest.raises(PromptError, match=words):
                await attempt
        assert (await engine.generate(["go on"], Options(max_new_tokens=2))).completion_tokens == 2

    run(model, small_tokenizer, work)


def test_the_context_can_be_used_to_its_last_token(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    async def work(engine: Engine) -> None:
        assert (engine.context_length, engine.picture_size) == (CONTEXT, PICTURE_SIZE)
        filled = [Generated((300,) * (CONTEXT - 4))]
        assert engine.count_tokens(filled) == CONTEXT - 3
        reply = await engine.generate(filled, Options(max_new_tokens=50))
        assert (reply.completion_tokens, reply.finish_reason) == (3, "length")
        with pytest.raises(PromptError, match=f"{CONTEXT}"):
            await engine.generate([Generated((300,) * (CONTEXT - 1))])

    run(model, small_tokenizer, work)


def test_a_text_far_past_the_context_is_counted_without_encoding_it(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(engine: Engine) -> None:
        longest = "word " * (CONTEXT * MAX_CHARACTERS_PER_TOKEN // 5)
        assert engine.count_tokens([longest]) > CONTEXT
        monkeypatch.delattr(PromptEncoder, "encode")
        assert engine.count_tokens([longest, RED, "x" * 100_000_000]) > CONTEXT

    run(model, small_tokenizer, work)


def test_many_pictures_are_encoded_a_few_at_a_time_on_the_engines_thread(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    many: Prompt = [picture(f"hsl({hue}, 80%, 50%)") for hue in range(0, 360, 17)]
    expected = Oracle(model, small_tokenizer).answer(many, max_new_tokens=4)
    encoded: list[int] = []

    def note(_: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        encoded.append(len(kwargs["pixel_values"]))

    model.model.vision_model.register_forward_pre_hook(note, with_kwargs=True)
    torch.set_num_threads(2)
    found, gate = replies(model, small_tokenizer, [(many, Options(max_new_tokens=4))])
    assert found[0].token_ids == expected
    assert sum(encoded) == len(many)
    assert max(encoded) <= PICTURES_AT_ONCE
    assert gate.threads == {("inference", 1)}


def test_prompts_without_pictures_do_not_run_the_vision_encoder(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the encoder ran")

    expected = Oracle(model, small_tokenizer).answer(PROMPTS[0], max_new_tokens=4)
    model.model.vision_model.register_forward_pre_hook(refuse)
    found, _ = replies(model, small_tokenizer, [(PROMPTS[0], Options(max_new_tokens=4))])
    assert found[0].token_ids == expected


def test_closing_fails_what_runs_and_what_waits(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    async def main() -> None:
        engine = await load_engine(model=model, tokenizer=small_tokenizer, reference=True)
        async with asyncio.timeout(60):
            await close_midway(engine)

    async def close_midway(engine: Engine) -> None:
        with Gate(model) as gate:
            running = asyncio.create_task(engine.generate(PROMPTS[1], Options(max_new_tokens=200)))
            await gate.arrival()
            waiting = asyncio.create_task(engine.generate(PROMPTS[1], Options(num_beams=2)))
            streaming = asyncio.create_task(collect(engine.stream(PROMPTS[1])))
            ranking = asyncio.create_task(engine.rank(PROMPTS[1], ["a", "b"]))
            await asyncio.sleep(0)
            closing = asyncio.create_task(engine.aclose())
            await asyncio.sleep(0)
            gate.open()
            await closing
            for task in (running, waiting, streaming, ranking):
                with pytest.raises(EngineError):
                    await task
            assert len(gate.rows) <= 2
            with pytest.raises(EngineError):
                await engine.generate(PROMPTS[1])
            await engine.aclose()

    asyncio.run(main())


def test_who_waits_for_pictures_is_told_of_the_closing_too(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow(*_: object) -> None:
        begun.release()
        go_on.wait()

    monkeypatch.setattr(Preprocessor, "__call__", slow)
    close = Worker.close

    def closed(worker: Worker) -> None:
        """A moment later, so that whatever the engine does first has its effect."""
        while any(request.ready for request in worker.line.waiting()):
            pass
        close(worker)

    monkeypatch.setattr(Worker, "close", closed)

    async def main() -> None:
        engine = await load_engine(model=model, tokenizer=small_tokenizer)
        asked = [asyncio.create_task(engine.generate(PROMPTS[1])) for _ in range(THREADS + 2)]
        for _ in range(THREADS):
            assert await asyncio.to_thread(begun.acquire, timeout=60)
        await engine.aclose()
        go_on.set()
        for task in asked:
            with pytest.raises(EngineError, match="closed before"):
                await task

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert not caplog.text


def test_ranking_is_by_the_models_own_probabilities(
    any_model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase
) -> None:
    prompt: Prompt = ["Classify the image.\n", RED, "Category:"]
    labels = ["cars", "city landscape", "tree", "Eiffel Tower at night"]
    encoder = PromptEncoder(small_tokenizer)
    inputs = Oracle(any_model, small_tokenizer).inputs(prompt)
    expected = {}
    for label in labels:
        ids = encoder.encode_continuation(prompt, label)
        row = inputs["input_ids"][0].tolist() + list(ids)
        mask = inputs["image_attention_mask"]
        with torch.no_grad():
            logits = any_model(
                input_ids=torch.tensor([row]),
                attention_mask=torch.ones(1, len(row), dtype=torch.long),
                pixel_values=inputs["pixel_values"],
                image_attention_mask=torch.cat([mask, mask[:, -1:].expand(-1, len(ids), -1)], dim=1),
            ).logits[0, -len(ids) - 1 : -1]
        expected[label] = sum(logits.log_softmax(-1)[at, token_id].item() for at, token_id in enumerate(ids))

    async def work(engine: Engine) -> list[tuple[str, float]]:
        return await engine.rank(prompt, labels)

    ranked = run(any_model, small_tokenizer, work)
    assert [label for label, _ in ranked] == sorted(labels, key=expected.__getitem__, reverse=True)
    assert dict(ranked) == pytest.approx(expected, abs=1e-4)


def test_many_labels_are_ranked_in_passes_of_bounded_size(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompt: Prompt = ["Classify the image.\n", RED, "Category:"]
    labels = [f"{'long ' * (number % 7)}label {number}" for number in range(40)]
    sizes: list[int] = []

    async def work(engine: Engine) -> list[tuple[str, float]]:
        return await engine.rank(prompt, labels)

    expected = run(model, small_tokenizer, work)
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    monkeypatch.setattr(runner, "MAX_RANKED_TOKENS", 300)
    found = run(model, small_tokenizer, work)
    assert len(sizes) > 2
    assert max(sizes) <= 300
    monkeypatch.setattr(runner, "MAX_RANKED_TOKENS", 1)
    one_by_one = run(model, small_tokenizer, work)
    assert len(sizes) > len(labels)
    hook.remove()
    assert dict(found) == pytest.approx(dict(expected), abs=1e-4)
    assert dict(one_by_one) == pytest.approx(dict(expected), abs=1e-4)


def test_a_cancelled_ranking_stops_the_devices_work(
    model: IdeficsForVisionText2Text,
    small_tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "MAX_RANKED_TOKENS", 100)
    labels = [f"label {number}" for number in range(40)]

    async def work(engine: Engine) -> None:
        with Gate(model) as gate:
            ranking = asyncio.create_task(engine.rank(PROMPTS[1], labels))
            await gate.arrival()
            ranking.cancel()
            await asyncio.wait([ranking])
            gate.open()
            await engine.generate(["next"], Options(max_new_tokens=1))
            assert len(gate.rows) == 1 + 1

    run(model, small_tokenizer, work)


@pytest.mark.parametrize(
    "labels", [[], [""], ["cat", " "], ["cat", "cat"], ["cat", "cat "], "cat", [1, 2], ["cat", "a" * 100_000]]
)
def test_labels_that_cannot_be_ranked(
    model: IdeficsForVisionText2Text, small_tokenizer: PreTrainedTokenizerBase, labels: Any
) -> None:
    async def work(engine: Engine) -> None:
        with pytest.raises(PromptError):
            await engine.rank(PROMPTS[1], labels)

    run(model, small_tokenizer, work)


async def collect(stream: ReplyStream) -> list[str]:
    return [piece async for piece in stream]
