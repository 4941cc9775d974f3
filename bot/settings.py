"""What a person configures: a TOML file, each value overridden by an environment variable.

`model.checkpoint` in the file is `IDEFICS_BOT_MODEL__CHECKPOINT` in the environment; the token is
`DISCORD_TOKEN` there.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.conversation.channel_settings import History, Mode, Threads, Trigger

DEFAULT_FILE = Path("idefics-bot.toml")
PREFIX = "IDEFICS_BOT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
TOKEN_VARIABLE = "DISCORD_TOKEN"
DISCORD_API = "https://discord.com/api/v10"


class SettingsError(Exception):
    """The settings cannot be used; the message is one sentence that names the value and where it stands."""


def _address(url: str) -> str:
    TypeAdapter(HttpUrl).validate_python(url)
    return url.rstrip("/")


def _listed(value: object) -> object:
    """A comma-separated text, as variables hold lists."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DiscordSettings(_Section):
    token: SecretStr | None = None
    api_url: Annotated[str, AfterValidator(_address)] = DISCORD_API
    """The HTTP API, version included; gateway and media follow from it."""
    media_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Further hosts from which pictures may be fetched."""
    ping_author: bool = True
    """An answer notifies the person whom it replies to."""


class ModelSettings(_Section):
    checkpoint: str = Field(default="demo", min_length=1)
    """`demo`, a hub id or a folder."""
    quantization: Literal["none", "8bit", "4bit"] = "none"
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    """Unset: what suits the device."""
    device: str | None = None
    """Such as `cpu` or `cuda:1`; unset: all accelerators there are."""


class StoreSettings(_Section):
    url: str = "sqlite+aiosqlite:///idefics-bot.sqlite3"
    """In SQLAlchemy's form."""


class WebSettings(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    """0 takes a free one."""
    token: SecretStr | None = Field(default=None, min_length=16)
    """Opens the playground; without one it is served to this machine only."""


class LimitSettings(_Section):
    """How many requests are accepted; more are refused with a sentence."""

    in_flight_per_person: int = Field(default=3, ge=1)
    per_minute_per_person: int = Field(default=10, ge=1)
    in_flight_per_server: int = Field(default=100, ge=1)
    per_minute_per_server: int | None = Field(default=None, ge=1)
    """Unset, as the next two: as many as come."""
    per_day_per_person: int | None = Field(default=None, ge=1)
    per_day_per_server: int | None = Field(default=None, ge=1)
    moderators_exempt: bool = False
    """Whoever manages a channel is not limited there."""


class PrivacySettings(_Section):
    retention_days: int = Field(default=30, ge=1, le=3650)
    """How long what is said is kept, where a server has not set it."""
    policy_url: Annotated[str, AfterValidator(_address)] | None = None
    """Your privacy policy, to which /privacy leads."""


class ReplySettings(_Section):
    """For where neither thread, channel nor server have set it."""

    mode: Mode | None = None
    trigger: Trigger | None = None
    threads: Threads | None = None
    history: History | None = None
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Unset: each mode's own length."""
    temperature: float | None = Field(default=None, ge=0, le=100)
    streaming: bool | None = None
    language: str | None = None
    """Of the bot's own words."""


class LogSettings(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    file: Path | None = None
    """Unset: stderr."""
    format: Literal["plain", "json"] = "plain"
    """`json`: one object per line, for programs."""


class Settings(BaseSettings):
    """All settings; `load_settings` reads them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    discord: DiscordSettings = DiscordSettings()
    model: ModelSettings = ModelSettings()
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    limits: LimitSettings = LimitSettings()
    privacy: PrivacySettings = PrivacySettings()
    replies: ReplySettings = ReplySettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What is given to the class is the file's content, so the environment goes before it.
        return (_TokenSource(settings_cls), env_settings, init_settings)


class _TokenSource(PydanticBaseSettingsSource):
    """The token under the name that every Discord library uses."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        token = os.environ.get(TOKEN_VARIABLE)
        return {"discord": {"token": token}} if token else {}


def load_settings(file: Path | None = None) -> Settings:
    """Reads `file`, else the file that IDEFICS_BOT_CONFIG names, else idefics-bot.toml if it is there.

    Raises:
        SettingsError: a file that was named is not there or not TOML, a key is unknown, a value is wrong.
    """
    named = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or DEFAULT_FILE
    values = _read(path) if named or path.exists() else {}
    _check_variables()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error, path)) from error


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
    reason = first["msg"]
    return f"The setting {key} {where} is wrong: {reason[:1].lower()}{reason[1:]}."


def _sections() -> str:
    return ", ".join(Settings.model_fields)
