"""Where the log of the running bot goes."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from bot.settings.loading import SettingsError
from bot.settings.sections import LogSettings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OWN = ("bot", "inference")
MAX_BYTES = 10_000_000


class JsonFormatter(logging.Formatter):
    """One object per line: time (ISO 8601, UTC), level, logger, message, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logs(settings: LogSettings, *, verbose: bool = False) -> None:
    """Sends the log of the whole process, warnings of libraries included, to stderr or to a file.

    `verbose`: to stderr too, whatever is set, and all that this program itself has to say; what libraries say
    for their developers can hold people's messages.

    Raises:
        SettingsError: the file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()] if verbose or settings.file is None else []
    if settings.file is not None:
        try:
            settings.file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                RotatingFileHandler(settings.file, maxBytes=MAX_BYTES, backupCount=3, encoding="utf-8")
            )
        except OSError as error:
            raise SettingsError(
                f"The log file {settings.file} cannot be written ({error.strerror}): "
                "set log.file to another one."
            ) from error
    formatter = JsonFormatter() if settings.format == "json" else logging.Formatter(FORMAT)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.captureWarnings(True)
    logging.basicConfig(handlers=handlers, level=settings.level, force=True)
    for name in OWN:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.NOTSET)
