"""Measures an engine: `python -m inference.bench --shape 9b --weights random --concurrency 1,8,32`.

Each row of the table is a number of requests at a time, each with a picture of its own, measured beside the
best that the device's memory allows and, with `--against reference`, beside transformers' own `generate`.
All answers have the length that is asked for: the model is kept from ending them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from inference.bench_options import RANDOM, parser
from inference.coldstart import measure_cold_start, measure_cold_start_of
from inference.errors import InferenceError
from inference.lean_import import import_transformers
from inference.loading import LoadedCheckpoint, adopt_model, load_checkpoint
from inference.memory import GB
from inference.settings import EngineSettings
from inference.starting import load_engine
from inference.tokenizer import SpecialTokens

if TYPE_CHECKING:
    from inference.measuring import Load, Speed

TABLE = "{:>9} {:>9} {:>7} {:>5} {:>9} {:>16} {:>16} {:>10} {:>12}"
HEADINGS = (
    "",
    "at a time",
    "prompt",
    "new",
    "tokens/s",
    "first token p50",
    "first token p99",
    "step",
    "of bandwidth",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    options = parser(__doc__).parse_args(arguments)
    if options.rows is None:
        options.rows = [(concurrency, options.prompt, options.new) for concurrency in options.concurrency]
    import_transformers()
    try:
        report = _report(options)
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _report(options: argparse.Namespace) -> dict[str, Any]:
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
    measured = asyncio.run(_measured(loaded, options, step_bytes / bandwidth))
    cold = None
    if options.cold_start or options.shape == "demo":
        target = "cpu" if options.shape == "demo" else str(device)
        if options.weights == RANDOM:
            cold = measure_cold_start_of(loaded, target)
        else:
            cold = measure_cold_start(options.weights, target)
        print(f"\n{cold}")
    return {
        "shape": options.shape,
        "weights": options.weights,
        "quantization": options.quantization,
        "dtype": str(loaded.model.dtype),
        "device": name,
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python -m inference.bench " + " ".join(sys.argv[1:]),
        "copy_bandwidth": bandwidth,
        "bytes_of_a_step": step_bytes,
        "peak_device_memory": torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
        **measured,
        "cold_start": asdict(cold) if cold is not None else None,
    }


def _loaded(options: argparse.Namespace) -> LoadedCheckpoint:
    if options.weights != RANDOM:
        from inference.measuring import never_end

        loaded = load_checkpoint(options.weights, quantization=options.quantization)
        special = SpecialTokens.of(loaded.tokenizer)
        never_end(loaded.model, special.end_ids(loaded.model.config.eos_token_id))
        return loaded
    from inference.devices import choose_device, choose_dtype
    from inference.memory import needed_bytes, one_with_room
    from inference.random_weights import config_of_shape, random_model, stand_in_tokenizer
    from inference.weights import build_empty

    config = config_of_shape(options.shape)
    if options.cold_start:
        # Loading expects of a vocabulary of the published size that it is the published one.
        config.vocab_size += 64
    device = choose_device(None)
    dtype = choose_dtype(None, device, small=options.shape == "demo")
    if device is None:
        empty = build_empty(config, torch.device("meta"))
        device = one_with_room(needed_bytes(empty, options.quantization, dtype))
    model = random_model(config, device, dtype, in_4bit=options.quantization == "4bit")
    return adopt_model(model, stand_in_tokenizer(config))


async def _measured(
    loaded: LoadedCheckpoint, options: argparse.Namespace, best_step: float
) -> dict[str, Any]:
    """Figures of the engine, then of the reference; each engine is gone before the next one is made."""
    from inference.measuring import Load, measure
    from inference.scenarios import arrivals, first_tokens, loop_lag

    vocabulary = loaded.model.config.vocab_size
    loads = [Load(at_once, prompt, new, vocabulary) for at_once, prompt, new in options.rows]
    found: dict[str, Any] = {}
    speeds: dict[str, list[Speed]] = {"engine": [], "reference": []}

    began = perf_counter()
    settings = EngineSettings(graphs=options.graphs)
    async with load_engine(model=loaded.model, tokenizer=loaded.tokenizer, settings=settings) as engine:
        found["ready"] = perf_counter() - began
        print(f"engine ready in {found['ready']:.1f} s\n{TABLE.format(*HEADINGS)}", flush=True)
        for load in loads:
            speeds["engine"].append(await measure(engine, load, options.rounds))
            _print_row("engine", load, speeds["engine"][-1], best_step)
        if options.scenarios:
            busiest, capacity = max(
                zip(loads, speeds["engine"], strict=True), key=lambda pair: pair[1].tokens_per_second
            )
            first = found["first_tokens"] = asdict(await first_tokens(engine, vocabulary))
            follow_ups = ", ".join(
                f"{1000 * seconds:.1f} ms after {tokens}" for tokens, seconds in first["follow_ups"].items()
            )
            print(
                f"first token, idle: new picture {1000 * first['new_picture']:.1f} ms; "
                f"follow-up {follow_ups} tokens",
                flush=True,
            )
            lag = found["loop_lag_p99"] = await loop_lag(engine, busiest)
            print(
                f"event loop late by {1000 * lag:.1f} ms (p99) at {busiest.concurrency} streams", flush=True
            )
            at_random = found["arrivals"] = asdict(
                await arrivals(engine, busiest, capacity.tokens_per_second, options.seconds)
            )
            print(
                f"{at_random['requests']} arrivals at random, {at_random['per_second']:.2f} a second: first "
                f"token p50 {1000 * at_random['first_token_p50']:.0f} ms, "
                f"p99 {1000 * at_random['first_token_p99']:.0f} ms",
                flush=True,
            )
    del engine
    gc.collect()
    torch.cuda.empty_cache()  # without effect if there is no GPU

    if options.against is not None:
        async with load_engine(model=loaded.model, tokenizer=loaded.tokenizer, reference=True) as reference:
            for load in loads:
                speeds["reference"].append(await measure(reference, load, options.reference_rounds))
                _print_row("reference", load, speeds["reference"][-1], best_step)
    found["rows"] = _rows(loads, speeds["engine"], speeds["reference"], best_step)
    return found


def _rows(
    loads: Sequence[Load], engine: Sequence[Speed], reference: Sequence[Speed], best_step: float
) -> list[dict[str, Any]]:
    one_by_one = {
        (load.prompt_tokens, load.new_tokens): speed.tokens_per_second
        for load, speed in zip(loads, reference, strict=False)
        if load.concurrency == 1
    }
    rows = []
    for number, (load, speed) in enumerate(zip(loads, engine, strict=True)):
        row: dict[str, Any] = {
            "concurrency": load.concurrency,
            "prompt_tokens": load.prompt_tokens,
            "new_tokens": load.new_tokens,
            **asdict(speed),
            "bandwidth_share": best_step / speed.step if speed.step else None,
        }
        if reference:
            alone = one_by_one.get((load.prompt_tokens, load.new_tokens))
            row["reference"] = asdict(reference[number])
            row["ratio"] = speed.tokens_per_second / reference[number].tokens_per_second
            row["ratio_to_one_by_one"] = speed.tokens_per_second / alone if alone else None
            beside = f", {row['ratio_to_one_by_one']:.2f} times its answers one by one" if alone else ""
            print(
                f"{load.concurrency} x {load.prompt_tokens} + {load.new_tokens}: "
                f"{row['ratio']:.2f} times the reference{beside}"
            )
        rows.append(row)
    return rows


def _print_row(engine: str, load: Load, speed: Speed, best_step: float) -> None:
    print(
        TABLE.format(
            engine,
            load.concurrency,
            load.prompt_tokens,
            load.new_tokens,
            f"{speed.tokens_per_second:.1f}",
            f"{1000 * speed.first_token_p50:.0f} ms",
            f"{1000 * speed.first_token_p99:.0f} ms",
            f"{1000 * speed.step:.2f} ms",
            f"{100 * best_step / speed.step:.1f} %" if speed.step else "",
        ),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
