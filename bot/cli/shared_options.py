"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import Dtype, Quantization

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="The checkpoint: a hub id, a folder, or demo: built in, small, and knows simple drawings only.",
    ),
]
QuantizationOption = Annotated[
    Quantization, typer.Option(help="Weights in 8 or 4 bits need less memory (see the README).")
]
DeviceOption = Annotated[
    str | None, typer.Option(help="Where the model runs, e.g. cpu or cuda:1; found by itself if not given.")
]
DtypeOption = Annotated[
    Dtype | None,
    typer.Option(help="The numbers that the model computes with; the device's best if not given."),
]
MaxNewTokensOption = Annotated[
    int | None, typer.Option(min=1, help="The longest answer, in tokens; each mode has its own default.")
]
TemperatureOption = Annotated[
    float | None, typer.Option(min=0.0, help="0 takes the likeliest word each time; 0.7 varies the answers.")
]
SeedOption = Annotated[int | None, typer.Option(help="Makes varied answers repeatable.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings; idefics-bot.toml if not given and there."),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Write the log to stderr.")]
