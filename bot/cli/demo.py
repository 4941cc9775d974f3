"""`idefics-bot demo`: the playground, served until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser

from bot.app import serve_playground, until_signalled
from bot.cli.configuration import configuration
from bot.cli.failures import InputError
from bot.cli.model import configured
from bot.web.serving import AddressError


def demo(host: str | None, port: int | None, model: str | None, *, browser: bool) -> None:
    """Serves the playground; what is None is as in the settings.

    Raises:
        InputError: the settings or the address cannot be used.
        StoreError, InferenceError: the database or the checkpoint cannot be used.
    """
    settings = configuration()
    web = {"host": host, "port": port}
    settings = settings.model_copy(
        update={
            "web": settings.web.model_copy(
                update={name: value for name, value in web.items() if value is not None}
            ),
            "model": settings.model.model_copy(update={} if model is None else {"checkpoint": model}),
        }
    )

    def ready(url: str) -> None:
        place, with_token, _ = url.partition("?")
        # Elsewhere than on a terminal it may be kept, in a service's journal for one.
        shown = f"{place}?token=…" if with_token and not sys.stdout.isatty() else url
        print(f"The playground is at {shown} (Ctrl-C ends it).", flush=True)
        if browser and _has_screen():
            webbrowser.open(url)

    try:
        asyncio.run(until_signalled(serve_playground(settings, configured, ready=ready)))
    except AddressError as error:
        raise InputError(str(error)) from error


def _has_screen() -> bool:
    """Without one, Python would open a browser in the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
