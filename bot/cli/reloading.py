"""SIGHUP: the settings are read again, and those that can change while the bot runs do."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bot.cli.failures import InputError
from bot.logs import configure_logs
from bot.settings.loading import SettingsError
from bot.settings.sections import Settings

log = logging.getLogger(__name__)

CHANGEABLE = ("limits.", "privacy.", "replies.", "log.", "discord.ping_author")
"""Beginnings of the names of settings that need no restart."""


def differing(one: Settings, other: Settings) -> list[str]:
    """Names of the settings that are not the same, such as `limits.per_minute_per_person`."""
    return [
        f"{section}.{key}"
        for section in Settings.model_fields
        for key in type(getattr(one, section)).model_fields
        if getattr(getattr(one, section), key) != getattr(getattr(other, section), key)
    ]


class Reloading:
    """Settings that are read again; `apply` puts those into effect that can be."""

    def __init__(
        self, settings: Settings, read: Callable[[], Settings], apply: Callable[[Settings], None]
    ) -> None:
        self._settings = settings
        self._read = read
        self._apply = apply

    def reload(self) -> None:
        """What cannot be used is told in the log, and changes nothing. Values are never logged."""
        try:
            settings = self._read()
            changed = differing(self._settings, settings)
            later = [name for name in changed if not name.startswith(CHANGEABLE)]
            if any(name.startswith("log.") for name in changed):
                _log_as(settings)
        except (InputError, SettingsError) as error:
            log.error("The settings are left as they are. %s", error)
            return
        self._apply(settings)
        now = [name for name in changed if name not in later]
        log.warning("The settings were read again. Changed: %s", ", ".join(now) or "nothing")
        if later:
            log.warning("These change with the next start: %s", ", ".join(later))
        self._settings = self._in_effect(settings)

    def _in_effect(self, settings: Settings) -> Settings:
        """With those as they are that change later."""
        sections = {}
        for section in Settings.model_fields:
            mine, new = getattr(self._settings, section), getattr(settings, section)
            kept = {
                key: getattr(mine, key)
                for key in type(mine).model_fields
                if not f"{section}.{key}".startswith(CHANGEABLE)
            }
            sections[section] = new.model_copy(update=kept)
        return settings.model_copy(update=sections)


def _log_as(settings: Settings) -> None:
    root = logging.getLogger()
    others = [handler for handler in root.handlers if not isinstance(handler, logging.StreamHandler)]
    for handler in others:
        root.removeHandler(handler)
    try:
        configure_logs(settings.log)
    finally:
        for handler in others:
            root.addHandler(handler)


@contextmanager
def on_hangup(reloading: Reloading) -> Iterator[None]:
    """While the block runs, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, AttributeError):  # Windows has no such signal
        loop.add_signal_handler(signal.SIGHUP, reloading.reload)
    try:
        yield
    finally:
        with suppress(NotImplementedError, AttributeError):
            loop.remove_signal_handler(signal.SIGHUP)
