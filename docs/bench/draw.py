"""Draws what `python -m inference.bench --against reference --json FILE` measured.

    pip install -e '.[docs]'
    python docs/bench/draw.py docs/bench/h100-9b-bf16.json docs/speed

writes docs/speed-light.png and docs/speed-dark.png.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours on one of the backgrounds that a README has."""

    text: str
    faint: str
    line: str
    engine: str
    reference: str


INKS = {
    "light": Inks("#1f2328", "#6e7781", "#d8dee4", "#4752c4", "#b3601f"),
    "dark": Inks("#e6edf3", "#8b949e", "#30363d", "#8b95ff", "#e09b5f"),
}
ENGINE, REFERENCE = "idefics-bot", "transformers' generate"


def main(source: Path, target: Path) -> None:
    report = json.loads(source.read_text(encoding="utf-8"))
    for theme, inks in INKS.items():
        figure = draw(report, inks)
        figure.savefig(f"{target}-{theme}.png", dpi=160, transparent=True)
        plt.close(figure)


def draw(report: dict[str, Any], inks: Inks) -> Figure:
    mpl.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": inks.text,
            "axes.labelcolor": inks.faint,
            "xtick.color": inks.faint,
            "ytick.color": inks.faint,
            "axes.edgecolor": inks.line,
            "grid.color": inks.line,
        }
    )
    shortest = min(row["prompt_tokens"] for row in report["rows"])
    rows = sorted(
        (row for row in report["rows"] if row["prompt_tokens"] == shortest),
        key=lambda row: int(row["concurrency"]),
    )
    figure, grid = plt.subplots(2, 2, figsize=(9.2, 6.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.08, wspace=0.06)  # type: ignore[union-attr]
    speed, wait, step, follow_up = grid.flat
    draw_speed(speed, rows, inks)
    draw_wait(wait, rows, inks)
    draw_step(step, rows, 1000 * report["bytes_of_a_step"] / report["copy_bandwidth"], inks)
    draw_follow_up(follow_up, report["first_tokens"]["follow_ups"], inks)
    figure.supxlabel(
        f"IDEFICS {report['shape'].upper()}, random bfloat16 weights, {report['device']}, "
        f"prompts of {shortest} tokens with a new picture, {report['date'][:10]}",
        fontsize=8.5,
        color=inks.faint,
    )
    return figure


def draw_speed(axes: Axes, rows: list[dict[str, Any]], inks: Inks) -> None:
    at_a_time = [row["concurrency"] for row in rows]
    engine = [row["tokens_per_second"] for row in rows]
    reference = [row["reference"]["tokens_per_second"] for row in rows]
    axes.set_yscale("log")
    curve(axes, at_a_time, engine, inks.engine)
    curve(axes, at_a_time, reference, inks.reference)
    middle = len(rows) // 2
    name(axes, ENGINE, at_a_time[middle], engine[middle], (-8, 10), inks.engine, ha="right")
    name(axes, REFERENCE, at_a_time[middle], reference[middle], (4, -22), inks.reference, ha="left")
    frame(axes, "Tokens a second, all answers together", requests=at_a_time)
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.3, high * 1.3)


def draw_wait(axes: Axes, rows: list[dict[str, Any]], inks: Inks) -> None:
    at_a_time = [row["concurrency"] for row in rows]
    engine = [1000 * row["first_token_p50"] for row in rows]
    reference = [1000 * row["reference"]["first_token_p50"] for row in rows]
    curve(axes, at_a_time, engine, inks.engine)
    curve(axes, at_a_time, reference, inks.reference)
    last_but_one = len(rows) - 2
    name(axes, ENGINE, at_a_time[last_but_one], engine[last_but_one], (8, -26), inks.engine)
    place = at_a_time[last_but_one - 1], reference[last_but_one - 1]
    name(axes, REFERENCE, *place, (6, 20), inks.reference, ha="right")
    frame(axes, "Milliseconds to the first token, median", requests=at_a_time)
    axes.set_ylim(0, 1.15 * max(*engine, *reference))


def draw_step(axes: Axes, rows: list[dict[str, Any]], floor: float, inks: Inks) -> None:
    at_a_time = [row["concurrency"] for row in rows]
    engine = [1000 * row["step"] for row in rows]
    curve(axes, at_a_time, engine, inks.engine, digits=2)
    axes.axhline(floor, color=inks.faint, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        f"{floor:.2f}: each weight read once, at the speed of copying",
        (at_a_time[-1], floor),
        xytext=(0, -14),
        textcoords="offset points",
        ha="right",
        color=inks.faint,
        fontsize=9,
    )
    slowest = [1000 * row["reference"]["step"] for row in rows]
    axes.annotate(
        f"\N{UPWARDS ARROW} {REFERENCE}: {min(slowest):.0f} to {max(slowest):.0f}",
        (at_a_time[0], 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, -14),
        textcoords="offset points",
        color=inks.reference,
        fontsize=9,
    )
    frame(axes, "Milliseconds a step, which adds a token to each answer", requests=at_a_time)
    axes.set_ylim(0, 1.4 * max(engine))


def draw_follow_up(axes: Axes, waits: dict[str, float], inks: Inks) -> None:
    tokens = [int(each) for each in waits]
    milliseconds = [1000 * each for each in waits.values()]
    curve(axes, tokens, milliseconds, inks.engine, digits=1)
    frame(axes, "Milliseconds to the first token of a follow-up, median")
    axes.xaxis.set_major_locator(FixedLocator(tokens))
    axes.set_xlabel("tokens of conversation in front of the question")
    margin = 0.13 * (tokens[-1] - tokens[0])
    axes.set_xlim(tokens[0] - margin, tokens[-1] + margin)
    axes.set_ylim(0, 1.25 * max(milliseconds))


def curve(axes: Axes, places: Sequence[float], values: Sequence[float], colour: str, digits: int = 0) -> None:
    """Points joined, the first and the last with their values."""
    axes.plot(places, values, marker="o", markersize=4.5, linewidth=2, color=colour, clip_on=False)
    for at in (0, -1):
        axes.annotate(
            f"{values[at]:,.{digits}f}",
            (places[at], values[at]),
            xytext=(8, -3) if at else (-8, -3),
            textcoords="offset points",
            ha="left" if at else "right",
            color=colour,
            fontsize=9,
        )


def name(
    axes: Axes,
    text: str,
    place: float,
    value: float,
    offset: tuple[float, float],
    colour: str,
    ha: str = "center",
) -> None:
    axes.annotate(
        text,
        (place, value),
        xytext=offset,
        textcoords="offset points",
        ha=ha,
        color=colour,
        fontweight="bold",
    )


def frame(axes: Axes, title: str, requests: Sequence[int] = ()) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, pad=10)
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    if requests:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(list(requests)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("requests at the same time")
        axes.set_xlim(requests[0] / 1.7, requests[-1] * 1.9)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
