"""Reads the settings: a TOML file, each value overridden by an environment variable.

`model.checkpoint` in the file is `IDEFICS_BOT_MODEL__CHECKPOINT` in the environment; the token is
`DISCORD_TOKEN` there.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from bot.settings.secrets import UnguardedError, check_guarded, read_secret
from bot.settings.sections import PREFIX, TOKEN_VARIABLE, Settings

DEFAULT_FILE = Path("idefics-bot.toml")
CONFIG_VARIABLE = f"{PREFIX}CONFIG"


class SettingsError(Exception):
    """The settings cannot be used; the message is one sentence that names the value and where it stands."""


def load_settings(file: Path | None = None) -> Settings:
    """Reads `file`, else the file that IDEFICS_BOT_CONFIG names, else idefics-bot.toml if it is there.

    Raises:
        SettingsError: a file that was named is not there or not TOML, a key is unknown, a value is wrong, or
            others can read a file that holds a secret.
    """
    named = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or DEFAULT_FILE
    values = _read(path) if named or path.exists() else {}
    _check_variables()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error, path)) from error
    try:
        for section, holds in (("discord", "the token"), ("web", "the playground's token")):
            if "token" in values.get(section, {}):
                check_guarded(path, holds)
        return _with_token(settings)
    except UnguardedError as error:
        raise SettingsError(str(error)) from error


def _with_token(settings: Settings) -> Settings:
    file = settings.discord.token_file
    if file is None or os.environ.get(TOKEN_VARIABLE):
        return settings
    try:
        token = SecretStr(read_secret(file, "the token"))
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise SettingsError(f"The token file {file} cannot be read: {reason}.") from error
    return settings.model_copy(update={"discord": settings.discord.model_copy(update={"token": token})})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"There is no settings file {path}: check its name.") from error
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # also bytes that are not UTF-8
        raise SettingsError(f"{path} is not TOML: {str(error).rstrip('.')}.") from error


def _check_variables() -> None:
    """pydantic-settings overlooks variables whose section it does not know."""
    for name in os.environ:
        if not name.upper().startswith(PREFIX) or name.upper() == CONFIG_VARIABLE:
            continue
        section, _, key = name.upper().removeprefix(PREFIX).lower().partition("__")
        if section not in Settings.model_fields:
            raise SettingsError(f"The variable {name} sets nothing: the sections are {_sections()}.")
        if not key:
            raise SettingsError(f"The variable {name} names a whole section: write {name}__KEY.")


def _sentence(error: ValidationError, file: Path) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    names = [str(part) for part in first["loc"]]
    key = ".".join(names[:2])
    variable = f"{PREFIX}{'__'.join(names[:2])}".upper()
    where = f"in {file}"
    if key == "discord.token" and os.environ.get(TOKEN_VARIABLE):
        where = f"from the variable {TOKEN_VARIABLE}"
    elif variable in {name.upper() for name in os.environ}:
        where = f"from the variable {variable}"
    if first["type"] == "extra_forbidden":
        if len(names) == 1:
            return f"The section [{key}] {where} is unknown: the sections are {_sections()}."
        keys = ", ".join(type(Settings.model_fields[names[0]].default).model_fields)
        return f"The setting {key} {where} is unknown: [{names[0]}] has {keys}."
    if len(names) == 1:
        return f"The setting {key} {where} is wrong: it is a section, written [{key}]."
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"The setting {key} {where} is wrong: {reason[:1].lower()}{reason[1:]}."


def _sections() -> str:
    return ", ".join(Settings.model_fields)
