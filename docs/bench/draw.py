"""Draws what `python -m inference.bench --against reference --json FILE` measured.

    pip install -e '.[docs]'
    python docs/bench/draw.py docs/bench/h100-9b-bf16.json docs/speed

writes docs/speed-light.png and docs/speed-dark.png.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

INKS = {"light": ("#1f2328", "#8c959f", "#d1d9e0"), "dark": ("#e6edf3", "#848d97", "#3d444d")}
"""Text, secondary text and lines, on the backgrounds that a README has."""
ENGINE, REFERENCE = "#5865f2", "#d4833a"


def main(source: Path, target: Path) -> None:
    report = json.loads(source.read_text(encoding="utf-8"))
    for theme, inks in INKS.items():
        figure = draw(report, *inks)
        figure.savefig(f"{target}-{theme}.png", dpi=160, transparent=True)
        plt.close(figure)


def draw(report: dict[str, Any], ink: str, faint: str, line: str) -> Any:
    mpl.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": ink,
            "axes.labelcolor": faint,
            "xtick.color": faint,
            "ytick.color": faint,
            "axes.edgecolor": line,
            "grid.color": line,
        }
    )
    shortest = min(row["prompt_tokens"] for row in report["rows"])
    rows = sorted(
        (row for row in report["rows"] if row["prompt_tokens"] == shortest),
        key=lambda row: int(row["concurrency"]),
    )
    figure, (speed, wait) = plt.subplots(1, 2, figsize=(9.2, 3.5), layout="constrained")
    speed.set_yscale("log")
    curves(speed, rows, "tokens_per_second", 1)
    speed.set_title("Tokens a second, all answers together", loc="left", fontsize=11)
    curves(wait, rows, "first_token_p50", 1000)
    wait.set_title("Milliseconds to the first token, median", loc="left", fontsize=11)
    for axes in (speed, wait):
        axes.set_xlabel("requests at the same time, each with a new picture")
    figure.supxlabel(
        f"IDEFICS {report['shape']}, random bfloat16 weights, {report['device']}; "
        f"prompts of {shortest} tokens; {report['date'][:10]}",
        fontsize=8,
        color=faint,
    )
    return figure


def curves(axes: Axes, rows: list[dict[str, Any]], figure: str, scale: float) -> None:
    at_a_time = [row["concurrency"] for row in rows]
    of_both = {
        "idefics-bot": ([scale * row[figure] for row in rows], ENGINE),
        "transformers' generate": ([scale * row["reference"][figure] for row in rows], REFERENCE),
    }
    for name, (values, colour) in of_both.items():
        axes.plot(at_a_time, values, marker="o", markersize=4, linewidth=2, color=colour)
        above = values == max((each for each, _ in of_both.values()), key=lambda each: each[-1])
        middle = len(values) // 2 - 1
        axes.annotate(
            name,
            (at_a_time[middle], values[middle]),
            xytext=(-6, 8) if above else (10, -14),
            textcoords="offset points",
            ha="right" if above else "left",
            color=colour,
            fontweight="bold",
        )
        for place in (0, -1):
            axes.annotate(
                f"{values[place]:,.0f}",
                (at_a_time[place], values[place]),
                xytext=(7, -3) if place else (-7, -3),
                textcoords="offset points",
                ha="left" if place else "right",
                color=colour,
                fontsize=9,
            )
    axes.set_xscale("log", base=2)
    axes.set_xticks(at_a_time)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(at_a_time[0] / 1.6, at_a_time[-1] * 1.8)
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.15 if axes.get_yscale() == "log" else 0, high * 1.1)
    axes.grid(axis="y", linewidth=0.6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
