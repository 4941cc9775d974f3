"""`idefics-bot doctor`: whether everything is there that the bot needs, one line per check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.bridge.login import LoginError, check_login
from bot.bridge.permissions import invite_url
from bot.cli.configuration import configuration
from bot.cli.failures import OURS
from bot.cli.run import WITHOUT_CONTENT, address_of, token_of
from bot.settings.sections import ModelSettings, Settings
from bot.store import migrate
from bot.store.database import migrated, path_of
from bot.store.errors import StoreError
from inference.errors import CheckpointError, InferenceError

if TYPE_CHECKING:
    from transformers.models.idefics.configuration_idefics import IdeficsConfig

GB = 1e9


def doctor(config: Path | None) -> int:
    """Prints the checks and returns the exit status: 1 if one fails, else 0.

    Raises:
        InputError: the settings cannot be used.
    """
    settings = configuration(config)
    checks: list[Callable[[Settings], list[str]]] = [_discord, _database, _model]
    failed = False
    for check in checks:
        try:
            for line in check(settings):
                print(f"ok    {line}", flush=True)
        except (LoginError, StoreError, InferenceError) as error:
            failed = True
            print(f"FAIL  {error}", flush=True)
    return OURS if failed else 0


def _discord(settings: Settings) -> list[str]:
    login = asyncio.run(check_login(address_of(settings), token_of(settings)))
    sessions = f"{login.sessions_left} more starts today"
    return [
        f"Discord: logged in as {login.name}, {sessions}; invite it with {invite_url(login.application_id)}",
        "Intents: the message content intent is switched on." if login.message_content else WITHOUT_CONTENT,
    ]


def _database(settings: Settings) -> list[str]:
    path = path_of(settings.store.url)
    if not path.exists():
        return [f"Database: {path} will be made at the start."]
    revision = migrated(settings.store.url, migrate.current)
    if revision == migrate.head():
        return [f"Database: {path} has revision {revision}, up to date."]
    return [f"Database: {path} has revision {revision}, the start brings it to {migrate.head()}."]


def _model(settings: Settings) -> list[str]:
    model = settings.model
    from inference.lean_import import import_transformers

    import_transformers()
    import torch

    from inference.devices import choose_device, choose_dtype
    from inference.memory import check_fits, free_bytes, weight_bytes, working_bytes
    from inference.weights import build_empty

    device = choose_device(model.device)
    dtype = choose_dtype(model.dtype, device, small=model.checkpoint == "demo")
    empty = build_empty(_configuration(model), torch.device("meta"))
    check_fits(empty, model.quantization, dtype, device)
    needed = weight_bytes(empty, model.quantization, dtype) + working_bytes(empty.config, dtype)
    where = device or "all accelerators"
    free = free_bytes(device)
    return [f"Model: {model.checkpoint} needs {needed / GB:.1f} of {free / GB:.1f} GB free on {where}."]


def _configuration(model: ModelSettings) -> IdeficsConfig:
    """Of the checkpoint; of one on the hub only this small file is fetched."""
    from transformers.models.idefics.configuration_idefics import IdeficsConfig

    from inference.checkpoint import inspect_checkpoint
    from inference.loading import DEMO, DEMO_FOLDER

    folder = DEMO_FOLDER if model.checkpoint == DEMO else Path(model.checkpoint).expanduser()
    if model.checkpoint == DEMO or folder.is_dir():
        return IdeficsConfig.from_pretrained(inspect_checkpoint(folder).folder)
    from huggingface_hub import hf_hub_download

    try:
        return IdeficsConfig.from_pretrained(Path(hf_hub_download(model.checkpoint, "config.json")).parent)
    except Exception as error:  # the hub's library has a class for each way to fail
        raise CheckpointError(
            f"{model.checkpoint!r} is neither a folder here nor a checkpoint that the hub gives out: "
            "check model.checkpoint and the connection."
        ) from error
