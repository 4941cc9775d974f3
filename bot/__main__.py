"""The command line `idefics-bot`: which commands and options there are.

What a command does is imported when it runs, so that `--help` needs no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot.cli.ending import exit_after
from bot.cli.failures import configure_logging, exit_status
from bot.cli.options import Mode, ModelChoice, RankBy, Sampling, TaskChoice
from bot.cli.shared_options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    MaxNewTokensOption,
    ModelOption,
    QuantizationOption,
    SeedOption,
    TemperatureOption,
    VerboseOption,
)
from bot.cli.streams import check_stdout, prepare_streams

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Ask an IDEFICS model about pictures.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("idefics-bot"))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _idefics_bot(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def ask(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE|TEXT",
            show_default=False,
            help="Picture files (- reads one from stdin) and your text, in quotes.",
        ),
    ] = None,
    model: ModelOption = "demo",
    mode: Annotated[Mode, typer.Option(help="The task.")] = "chat",
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="classify: the labels to choose from.")
    ] = None,
    by: Annotated[
        RankBy | None,
        typer.Option(
            help="classify: rank (the default) weighs every label, generation lets the model write one."
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(metavar="TEXT", help="prompted-caption: how the caption begins.")
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE=ANSWER", show_default=False, help="few-shot: an example; may be given repeatedly."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per answer, one per line.")
    ] = False,
    quantization: QuantizationOption = "none",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    max_new_tokens: MaxNewTokensOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Answers once and prints the answer.

    In every mode but chat each picture is asked about by itself: one answer per picture, in order.
    """
    configure_logging(verbose=verbose)
    check_stdout()
    from bot.cli.ask import ask

    ask(
        arguments or [],
        TaskChoice(mode=mode, labels=labels, by=by, prefix=prefix, examples=tuple(example or ())),
        ModelChoice(model, quantization, device, dtype),
        Sampling(max_new_tokens, temperature, seed),
        as_json=as_json,
    )


@app.command()
def chat(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", show_default=False, help="Picture files to talk about."),
    ] = None,
    model: ModelOption = "demo",
    quantization: QuantizationOption = "none",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    max_new_tokens: MaxNewTokensOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Talks about pictures in the terminal; type /help there."""
    configure_logging(verbose=verbose)
    check_stdout()
    from bot.cli.chat import chat

    chat(
        images or [],
        ModelChoice(model, quantization, device, dtype),
        Sampling(max_new_tokens, temperature, seed),
    )


@app.command()
def demo(
    host: Annotated[
        str | None, typer.Option(help="Where to serve: 127.0.0.1, for this machine only, if not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="8000 if not given; 0 takes a free one.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The checkpoint: a hub id, a folder, or demo if not given.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    verbose: VerboseOption = False,
) -> None:
    """Serves the playground: a page to ask about pictures in."""
    configure_logging(verbose=verbose)
    from bot.cli.demo import demo

    demo(host, port, model, browser=browser)


@app.command()
def run(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Answers in Discord until Ctrl-C or SIGTERM."""
    from bot.cli.run import run

    run(config, verbose=verbose)


@app.command()
def doctor(config: ConfigOption = None, verbose: VerboseOption = False) -> int:
    """Checks token, intents, database and model, and exits with 1 if something is missing."""
    configure_logging(verbose=verbose)
    from bot.cli.doctor import doctor

    return doctor(config)


@app.command()
def sync(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Registers the slash commands with Discord; run does so by itself when they have changed."""
    configure_logging(verbose=verbose)
    from bot.cli.sync import sync

    sync(config)


db = typer.Typer(help="The database's tables; run and demo bring them up to date by themselves.")
app.add_typer(db, name="db")


@db.command("upgrade")
def db_upgrade(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Makes the database, or brings an older one up to date."""
    configure_logging(verbose=verbose)
    from bot.cli.db import upgrade

    upgrade(config)


@db.command("current")
def db_current(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Says which revision the database has."""
    configure_logging(verbose=verbose)
    from bot.cli.db import current

    current(config)


@db.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(help="The copy; it must not be there yet.")],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Copies the database into a file, also while the bot runs."""
    configure_logging(verbose=verbose)
    from bot.cli.db import backup

    backup(file, config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    0: done; 1: a failure of ours; 2: something to correct in what was typed; 130: stopped by Ctrl-C;
    141: the reader of our output went away.
    """
    prepare_streams()
    command = typer.main.get_command(app)
    given = list(sys.argv[1:] if arguments is None else arguments)
    return exit_status(lambda: command.main(given, prog_name="idefics-bot", standalone_mode=False))


def script() -> NoReturn:
    """`main` as a process of its own."""
    exit_after(main)


if __name__ == "__main__":
    script()
