from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference import CheckpointError, Options, OptionsError, Progress, load_engine, loading, memory, starting
from inference.engine.model import Decoder
from inference.loading import LoadedCheckpoint, load_checkpoint
from inference.preprocessing import Preprocessor
from tests.inference.checkpoints import PICTURE_SIZE, picture, small_config, small_model, write_checkpoint
from tests.processes import run_to_end

VARIANTS: dict[str, dict[str, Any]] = {
    "9b": {},
    "80b": {"qk_layer_norms": True, "vector_alphas": True},
    "no resampler": {"resampler": False},
    "base": {"instruct": False},
}
PROMPT = ["What is in", picture("red"), "this picture?"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.fixture
def cpu_with_avx512_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """bitsandbytes takes this CPU for one on which it would repack 4-bit weights."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)


def original(**variant: Any) -> IdeficsForVisionText2Text:
    """The model that `write_checkpoint` saves."""
    return small_model(small_config(**variant))


def logits(model: IdeficsForVisionText2Text, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return model(
            input_ids=torch.tensor([[1, 480, 481, 480, 300, 301, 302]]),
            pixel_values=torch.randn(1, 1, 3, PICTURE_SIZE, PICTURE_SIZE, generator=generator),
            image_attention_mask=torch.ones(1, 7, 1, dtype=torch.long),
        ).logits


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_checkpoint_gives_the_model_that_was_saved(tmp_path: Path, variant: str) -> None:
    options = VARIANTS[variant]
    folder = write_checkpoint(
        tmp_path, config=small_config(**options), instruct=options.get("instruct", True)
    )
    loaded = load_checkpoint(folder, device="cpu", dtype="float32")
    expected = original(**options)
    assert torch.equal(logits(loaded.model), logits(expected))
    assert not torch.equal(logits(loaded.model, seed=1), logits(expected))
    assert not loaded.model.training
    assert loaded.preprocessor == Preprocessor(PICTURE_SIZE, (0.48, 0.46, 0.41), (0.27, 0.26, 0.28))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_transformers_way_gives_the_same_model(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    directly = load_checkpoint(checkpoint, device="cpu", dtype=dtype)
    reports: list[Progress] = []
    monkeypatch.setattr("inference.weights.SMALL_BYTES", 0)
    loaded = load_checkpoint(checkpoint, device="cpu", dtype=dtype, progress=reports.append)
    assert torch.equal(logits(loaded.model), logits(directly.model))
    buffers = {name: (buffer.dtype, buffer.sum()) for name, buffer in loaded.model.named_buffers()}
    assert buffers == {name: (buffer.dtype, buffer.sum()) for name, buffer in directly.model.named_buffers()}
    assert_progress(reports, checkpoint)


def test_old_shards_in_torchs_format_are_loaded(copy: Path) -> None:
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    for shard in sorted(set(index["weight_map"].values())):
        torch.save(
            load_file(copy / shard),
            copy / shard.replace("model-", "pytorch_model-").replace(".safetensors", ".bin"),
        )
        (copy / shard).unlink()
    index["weight_map"] = {
        name: shard.replace("model-", "pytorch_model-").replace(".safetensors", ".bin")
        for name, shard in index["weight_map"].items()
    }
    (copy / "model.safetensors.index.json").unlink()
    (copy / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert torch.equal(logits(load_checkpoint(copy, device="cpu", dtype="float32").model), logits(original()))


@pytest.mark.parametrize("small_bytes", [0, 2**30])
def test_keys_of_2023_are_ignored(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], small_bytes: int
) -> None:
    monkeypatch.setattr("inference.weights.SMALL_BYTES", small_bytes)
    shard = sorted(copy.glob("model-*.safetensors"))[0]
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.full((8,), 9.0)}
    save_file(load_file(shard) | old, shard, metadata={"format": "pt"})
    loaded = load_checkpoint(copy, device="cpu", dtype="float32")
    assert torch.equal(logits(loaded.model), logits(original()))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("dtype", "expected"), [("bfloat16", torch.bfloat16), (torch.float16, torch.float16)]
)
def test_the_dtype_can_be_chosen(checkpoint: Path, dtype: str | torch.dtype, expected: torch.dtype) -> None:
    model = load_checkpoint(checkpoint, device="cpu", dtype=dtype).model
    assert {weight.dtype for weight in model.parameters()} == {expected}
    assert logits(model).float() == pytest.approx(logits(original()), abs=0.1)


@pytest.mark.usefixtures("cpu_with_avx512_bf16")
@pytest.mark.parametrize("dtype", [None, "float16"])
def test_4bit_is_close_to_the_weights_it_came_from(checkpoint: Path, dtype: str | None) -> None:
    reports: list[Progress] = []
    model = load_checkpoint(
        checkpoint, device="cpu", quantization="4bit", dtype=dtype, progress=reports.append
    ).model
    assert_progress(reports, checkpoint)
    weights = dict(original().named_parameters())
    quantized = {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}
    parts = {
        "model.layers",
        "model.vision_model",
        "model.perceiver_resampler",
        "model.gated_cross_attn_layers",
    }
    assert {".".join(name.split(".")[:2]) for name in quantized} == parts
    assert not isinstance(model.lm_head.additional_fc, Linear4bit)
    packed = sum(module.weight.nbytes for module in quantized.values())
    scales = sum(module.weight.quant_state.absmax.nbytes for module in quantized.values())
    unpacked = sum(weight.nbytes for weight in model.parameters()) - packed
    assert memory.weight_bytes(original(), "4bit", model.dtype) == packed + scales + unpacked
    with torch.no_grad():
        for name, module in quantized.items():
            assert module.weight.quant_type == "nf4"
            assert module.compute_dtype == model.dtype == (torch.float16 if dtype else model.dtype)
            assert not module.support_avx512bf16_for_cpu
            expected = weights[f"{name}.weight"]
            found = dequantize_4bit(module.weight.data, module.weight.quant_state).float()
            assert (found - expected).norm() < 0.12 * expected.norm()
            weights[f"{name}.weight"].copy_(found)
    unquantized = small_model(small_config())
    unquantized.load_state_dict({name: weight.detach() for name, weight in weights.items()}, strict=False)
    before = logits(model)
    assert before.float() == pytest.approx(logits(unquantized), abs=0.1)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_quantised_models_answer(checkpoint: Path, quantization: Any) -> None:
    async def main() -> None:
        async with load_engine(checkpoint, quantization=quantization, device="cpu") as engine:
            reply = await engine.generate(PROMPT, Options(max_new_tokens=4))
            assert reply.completion_tokens == 4
            again = await engine.generate(PROMPT, Options(max_new_tokens=4))
            assert again.token_ids == reply.token_ids

    asyncio.run(main())


def test_8bit_is_close_to_the_weights_it_came_from(checkpoint: Path) -> None:
    model = load_checkpoint(checkpoint, device="cpu", quantization="8bit").model
    assert any(isinstance(module, Linear8bitLt) for module in model.modules())
    assert not isinstance(model.lm_head.additional_fc, Linear8bitLt)
    assert logits(model).float() == pytest.approx(logits(original()), abs=0.15)


@pytest.mark.usefixtures("cpu_with_avx512_bf16")
def test_a_model_that_was_quantised_before_it_was_saved(checkpoint: Path, tmp_path: Path) -> None:
    first = load_checkpoint(checkpoint, device="cpu", quantization="4bit").model
    shutil.copytree(
        checkpoint, tmp_path / "saved", ignore=shutil.ignore_patterns("*.safetensors", "*.index.json")
    )
    first.save_pretrained(tmp_path / "saved")
    second = load_checkpoint(tmp_path / "saved", device="cpu").model
    modules = [module for module in second.modules() if isinstance(module, Linear4bit)]
    assert modules
    assert not any(module.support_avx512bf16_for_cpu for module in modules)
    assert torch.equal(logits(second).float(), logits(first).float())


def test_one_device_must_have_room_for_a_conversation_too(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "saved"
    shutil.copytree(checkpoint, saved, ignore=shutil.ignore_patterns("*.safetensors", "*.index.json"))
    quantized = load_checkpoint(checkpoint, device="cpu", quantization="4bit").model
    quantized.save_pretrained(saved)
    asked: list[int] = []

    def one_with_room(needed: int) -> torch.device:
        asked.append(needed)
        return torch.device("cpu")

    monkeypatch.setattr("inference.devices.choose_device", lambda _: None)  # as where there are accelerators
    monkeypatch.setattr(memory, "one_with_room", one_with_room)
    load_checkpoint(saved)
    load_checkpoint(checkpoint, quantization="4bit")
    assert min(asked) > memory.working_bytes(quantized.config, torch.bfloat16)


def test_80b_is_refused_in_float16(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"hidden_size": 8192, "num_attention_heads": 64}))
    for quantization in ("none", "4bit"):
        with pytest.raises(CheckpointError, match="bfloat16"):
            load_checkpoint(copy, device="cpu", dtype="float16", quantization=quantization)  # type: ignore[arg-type]


def test_what_is_missing_or_does_not_belong_is_named(copy: Path, tmp_path: Path) -> None:
    (copy / "preprocessor_config.json").rename(tmp_path / "away")
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json"):
        load_checkpoint(copy, device="cpu")
    (tmp_path / "away").rename(copy / "preprocessor_config.json")
    config = json.loads((copy / "config.json").read_text())
    for change, words in (
        ({"num_hidden_layers": 6}, "tensors are missing, such as model.gated_cross_attn_layers.2"),
        ({"intermediate_size": 192}, "has the shape"),
        ({"additional_vocab_size": 2}, "483 tokens and the model 482"),
        ({"hidden_size": "many"}, "impossible values"),
    ):
        (copy / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match=words):
            load_checkpoint(copy, device="cpu")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        (None, "num_attention_heads", 7),
        (None, "num_attention_heads", 0),
        (None, "num_hidden_layers", 0),
        (None, "max_position_embeddings", -1),
        (None, "hidden_size", "big"),
        (None, "intermediate_size", -4),
        (None, "hidden_act", "nonsense"),
        ("vision_config", "patch_size", 0),
    ],
)
def test_impossible_values_are_one_sentence(copy: Path, part: str | None, name: str, value: object) -> None:
    path = copy / "config.json"
    config = json.loads(path.read_text())
    (config[part] if part else config)[name] = value
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json has impossible values") as caught:
        load_checkpoint(copy)
    assert "\n" not in str(caught.value)


def test_pictures_of_another_size_than_the_model_takes_are_found_in_loading(copy: Path) -> None:
    path = copy / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_size": PICTURE_SIZE + 8}))
    words = f"{PICTURE_SIZE + 8} pixels and the model takes {PICTURE_SIZE}"
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(copy)


def test_a_checkpoint_that_does_not_fit_is_not_loaded(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**20)
    reports: list[Progress] = []
    with pytest.raises(CheckpointError, match="GB are missing"):
        load_checkpoint(checkpoint, device="cpu", progress=reports.append)
    assert reports == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"quantization": "2bit"}, "none, 8bit, 4bit"),
        ({"dtype": "int8"}, "float32, bfloat16, float16"),
        ({"device": "toaster"}, "toaster"),
        ({"device": "cuda:77"}, "cuda:77"),
    ],
)
def test_options_that_do_not_exist(checkpoint: Path, arguments: dict[str, Any], words: str) -> None:
    async def main() -> None:
        with pytest.raises(OptionsError, match=words):
            await load_engine(checkpoint, **arguments)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["/no/such/folder", "./neither", "~/nor/this", "~nobody-here/x", "a" * 300])
def test_a_folder_that_does_not_exist(name: str) -> None:
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(name)


def test_loading_is_on_the_engines_thread_and_reported_on_the_loops(checkpoint: Path) -> None:
    reports: list[Progress] = []
    threads: set[threading.Thread] = set()

    def report(progress: Progress) -> None:
        reports.append(progress)
        threads.add(threading.current_thread())

    async def main() -> None:
        async with load_engine(checkpoint, device="cpu", progress=report) as engine:
            assert (await engine.generate(PROMPT, Options(max_new_tokens=1))).completion_tokens == 1

    asyncio.run(main())
    assert threads == {threading.current_thread()}
    assert_progress(reports, checkpoint)


def test_too_little_memory_to_answer_with_is_told(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Decoder, "pages", refuse)

    async def main() -> None:
        with pytest.raises(CheckpointError, match="end what else uses it"):
            await load_engine(checkpoint, device="cpu")

    asyncio.run(main())


def test_giving_up_while_loading_ends_the_thread(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[threading.Thread] = []
    may_go_on = threading.Event()

    def slow_load(*_: object, progress: Any, **__: object) -> LoadedCheckpoint:
        loads.append(threading.current_thread())
        may_go_on.wait()
        progress(Progress("loading weights", 1, 2))
        raise AssertionError("loading went on")

    monkeypatch.setattr(starting, "load_checkpoint", slow_load)

    async def main() -> None:
        task = asyncio.ensure_future(asyncio.wait_for(load_engine(checkpoint), 0.05))
        try:
            with pytest.raises(TimeoutError):
                await task
        finally:
            may_go_on.set()

    asyncio.run(main())
    loads[0].join(10)
    assert not loads[0].is_alive()


def test_a_built_model_takes_its_picture_size_from_its_configuration(
    small_tokenizer: PreTrainedTokenizerBase,
) -> None:
    adopted = loading.adopt_model(original().train(), small_tokenizer)
    assert adopted.preprocessor == Preprocessor(size=PICTURE_SIZE)
    assert not adopted.model.training


def test_arguments_that_contradict_each_other(small_tokenizer: PreTrainedTokenizerBase) -> None:
    model = original()
    with pytest.raises(TypeError):
        load_engine("demo", model=model, tokenizer=small_tokenizer)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        load_engine(model=model)  # type: ignore[call-overload]


def test_the_package_is_light_until_a_model_is_wanted() -> None:
    code = (
        "import sys, inference.pictures, inference.tasks\n"
        "from inference import END_OF_UTTERANCE, CheckpointError, Engine, Options, load_engine\n"
        "print({'torch', 'transformers', 'bitsandbytes'} & set(sys.modules))\n"
    )
    done = run_to_end([sys.executable, "-c", code])
    assert (done.returncode, done.stdout) == (0, b"set()\n"), done.stderr.decode()


def test_an_answer_of_a_small_model_needs_no_compiler(checkpoint: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from inference import Options, load_engine\n"
        "async def main():\n"
        f"    async with load_engine({str(checkpoint)!r}, device='cpu', dtype='float32') as engine:\n"
        "        await engine.generate(['One'], Options(max_new_tokens=2))\n"
        "        await engine.generate(['One'], Options(max_new_tokens=2, num_beams=2))\n"
        "asyncio.run(main())\n"
        "print({'torch._dynamo', 'torch.distributed.tensor', 'sympy'} & set(sys.modules))\n"
        "import torch\n"
        "print(torch.compiler.disable(lambda: 2)())\n"
    )
    done = run_to_end([sys.executable, "-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"set()\n2\n", b"")


def assert_progress(reports: list[Progress], checkpoint: Path) -> None:
    size = json.loads((checkpoint / "model.safetensors.index.json").read_text())["metadata"]["total_size"]
    loading_weights = [report for report in reports if report.stage == "loading weights"]
    done = [report.done_bytes for report in loading_weights]
    assert done == sorted(done)
    assert done[-1] == size
    assert len(set(done)) > 20
    assert {report.total_bytes for report in loading_weights} == {size}
