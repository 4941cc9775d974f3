"""Measures an engine: `python -m inference.bench --shape 9b --weights random --concurrency 1,8,32`.

Each row of the table is a number of requests at a time, each with one picture, measured beside
transformers' own `generate` in the same run and beside the best that the device's memory allows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.coldstart import ColdStart, measure_cold_start
from inference.errors import InferenceError
from inference.lean_import import import_transformers
from inference.loading import LoadedCheckpoint, adopt_model, load_checkpoint, load_engine

GB = 1e9
TABLE = "{:>9} {:>9} {:>16} {:>16} {:>10} {:>12} {:>14}"
HEADINGS = (
    "at a time",
    "tokens/s",
    "first token p50",
    "first token p99",
    "step",
    "of bandwidth",
    "of reference",
)
RANDOM = "random"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    options = _parser().parse_args(arguments)
    import_transformers()
    try:
        report = _report(options)
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.bench", description=__doc__)
    parser.add_argument("--shape", choices=("9b", "80b", "demo"), default="demo")
    parser.add_argument("--weights", default=RANDOM, metavar="random|PATH", help="a folder, hub id or demo")
    parser.add_argument("--quantization", choices=("none", "4bit"), default="none")
    parser.add_argument("--concurrency", type=_positive_list, default=(1, 8, 32), metavar="1,8,32")
    parser.add_argument("--prompt", type=_at_least_8, default=64, help="tokens of a prompt, with its picture")
    parser.add_argument("--new", type=_positive, default=64, help="tokens of an answer")
    parser.add_argument("--against", choices=("reference",), default="reference")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _at_least_8(text: str) -> int:
    number = int(text)
    if number < 8:
        raise argparse.ArgumentTypeError("must be at least 8, to hold a picture and some text")
    return number


def _positive_list(text: str) -> tuple[int, ...]:
    return tuple(map(_positive, text.split(",")))


def _report(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from inference.measuring import bytes_of_a_step, copy_bandwidth

    loaded = _loaded(options)
    device = loaded.model.device
    bandwidth = copy_bandwidth(device)
    step_bytes = bytes_of_a_step(loaded.model)
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or device.type
    )
    print(
        f"shape {options.shape}, weights {options.weights}, quantization {options.quantization}, "
        f"{loaded.model.dtype}, {name}, torch {torch.__version__}\n"
        f"copy bandwidth {bandwidth / GB:.1f} GB/s, weights read for a step {step_bytes / GB:.3f} GB: "
        f"{1000 * step_bytes / bandwidth:.3g} ms at best\n"
    )
    rows = asyncio.run(_rows(loaded, options, step_bytes / bandwidth))
    cold = _cold_start(loaded, options.weights) if options.shape == "demo" else None
    if cold is not None:
        _print_cold_start(cold)
    return {
        "shape": options.shape,
        "weights": options.weights,
        "quantization": options.quantization,
        "dtype": str(loaded.model.dtype),
        "device": name,
        "torch": torch.__version__,
        "prompt_tokens": options.prompt,
        "new_tokens": options.new,
        "copy_bandwidth": bandwidth,
        "bytes_of_a_step": step_bytes,
        "peak_device_memory": torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
        "rows": rows,
        "cold_start": asdict(cold) if cold is not None else None,
    }


def _loaded(options: argparse.Namespace) -> LoadedCheckpoint:
    if options.weights != RANDOM:
        return load_checkpoint(options.weights, quantization=options.quantization)
    import torch

    from inference.devices import choose_device, choose_dtype
    from inference.random_weights import config_of_shape, random_model, stand_in_tokenizer

    chosen = choose_device(None)
    device = torch.accelerator.current_accelerator() if chosen is None else chosen
    assert device is not None, "choose_device gives None only where there is an accelerator"
    config = config_of_shape(options.shape)
    dtype = choose_dtype(None, device, small=options.shape == "demo")
    model = random_model(config, device, dtype, in_4bit=options.quantization == "4bit")
    return adopt_model(model, stand_in_tokenizer(config))


async def _rows(
    loaded: LoadedCheckpoint, options: argparse.Namespace, best_step: float
) -> list[dict[str, Any]]:
    from inference.measuring import Load, measure

    print(TABLE.format(*HEADINGS))
    rows = []
    async with load_engine(model=loaded.model, tokenizer=loaded.tokenizer) as engine:
        for concurrency in options.concurrency:
            load = Load(concurrency, options.prompt, options.new, loaded.model.config.vocab_size)
            speed = await measure(engine, load)
            share = best_step / speed.step if speed.step else None
            # The engine is transformers' generate itself as long as there is no other.
            rows.append({"concurrency": concurrency, **asdict(speed), "bandwidth_share": share, "ratio": 1.0})
            print(
                TABLE.format(
                    concurrency,
                    f"{speed.tokens_per_second:.1f}",
                    f"{1000 * speed.first_token_p50:.0f} ms",
                    f"{1000 * speed.first_token_p99:.0f} ms",
                    f"{1000 * speed.step:.2f} ms",
                    f"{100 * share:.1f} %" if share is not None else "",
                    "is it",
                ),
                flush=True,
            )
    return rows


def _cold_start(loaded: LoadedCheckpoint, weights: str) -> ColdStart:
    if weights != RANDOM:
        return measure_cold_start(weights)
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        loaded.model.save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)
        settings = {"image_size": loaded.preprocessor.size}
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return measure_cold_start(folder)


def _print_cold_start(cold: ColdStart) -> None:
    memory = f"{cold.peak_memory / GB:.2f} GB" if cold.peak_memory is not None else "unknown"
    rate = f"{cold.tokens_per_second:.1f}" if cold.tokens_per_second is not None else "unknown"
    print(
        f"\nA new process on the CPU, one picture, an answer of {cold.tokens} tokens:\n"
        f"load {cold.load:.2f} s, first token {cold.first_token:.2f} s, answer {cold.answer:.2f} s, "
        f"tokens/s {rate}, peak memory {memory}"
    )


if __name__ == "__main__":
    sys.exit(main())
