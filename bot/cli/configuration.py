"""The settings, for commands."""

from __future__ import annotations

from pathlib import Path

from bot.cli.failures import InputError
from bot.settings.loading import SettingsError, load_settings
from bot.settings.sections import Settings


def configuration(file: Path | None = None) -> Settings:
    """As `load_settings` reads them.

    Raises:
        InputError: they cannot be used.
    """
    try:
        return load_settings(file)
    except SettingsError as error:
        raise InputError(str(error)) from error
