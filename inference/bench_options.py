"""What `python -m inference.bench` can be asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

RANDOM = "random"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Of the arguments of `python -m inference.bench`."""
    parser = argparse.ArgumentParser(prog="python -m inference.bench", description=description)
    parser.add_argument("--shape", choices=("9b", "80b", "demo"), default="demo")
    parser.add_argument("--weights", default=RANDOM, metavar="random|PATH", help="a folder, hub id or demo")
    parser.add_argument("--quantization", choices=("none", "4bit"), default="none")
    parser.add_argument("--concurrency", type=_positive_list, default=(1, 8, 32), metavar="1,8,32")
    parser.add_argument("--prompt", type=_at_least_8, default=64, help="tokens of a prompt, with its picture")
    parser.add_argument("--new", type=_positive, default=64, help="tokens of an answer")
    parser.add_argument(
        "--rows",
        type=_rows_of_loads,
        metavar="1:64:256,32:512:64",
        help="requests at a time, tokens of a prompt and of an answer; instead of the three options above",
    )
    parser.add_argument("--rounds", type=_positive, default=3, help="times that each row is asked")
    parser.add_argument("--against", choices=("reference",), help="also measure transformers' generate")
    parser.add_argument("--reference-rounds", type=_positive, default=1)
    parser.add_argument(
        "--no-scenarios",
        dest="scenarios",
        action="store_false",
        help="leave out first tokens, the event loop and arrivals at random",
    )
    parser.add_argument(
        "--no-graphs", dest="graphs", action="store_false", help="start each kernel by itself, on a GPU"
    )
    parser.add_argument(
        "--cold-start",
        action="store_true",
        help="also load the weights from disk in a new process; the demo shape always does, on the CPU",
    )
    parser.add_argument("--seconds", type=_positive, default=20, help="how long requests arrive at random")
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


def _rows_of_loads(text: str) -> list[tuple[int, int, int]]:
    rows = []
    for row in text.split(","):
        concurrency, prompt, new = row.split(":")
        rows.append((_positive(concurrency), _at_least_8(prompt), _positive(new)))
    return rows
