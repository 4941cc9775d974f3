"""Where the log of the running bot goes."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from bot.settings import LogSettings, SettingsError

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MAX_BYTES = 10_000_000


def configure_logs(settings: LogSettings) -> None:
    """Sends the log of the whole process, warnings of libraries included, to stderr or to a file.

    Raises:
        SettingsError: the file cannot be written.
    """
    handler: logging.Handler = logging.StreamHandler()
    if settings.file is not None:
        try:
            settings.file.parent.mkdir(parents=True, exist_ok=True)
            handler = RotatingFileHandler(settings.file, maxBytes=MAX_BYTES, backupCount=3, encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"The log file {settings.file} cannot be written ({error.strerror}): "
                "set log.file to another one."
            ) from error
    logging.captureWarnings(True)
    logging.basicConfig(handlers=[handler], level=settings.level, format=FORMAT, force=True)
