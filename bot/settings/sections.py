"""What a person configures, one class for each section of the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.conversation.channel_settings import History, Mode, Threads, Trigger
from bot.conversation.inputs import UnusableInputError, checked_labels, read_prefix, split_labels
from bot.languages.words import languages

T = TypeVar("T")

PREFIX = "IDEFICS_BOT_"
TOKEN_VARIABLE = "DISCORD_TOKEN"
DISCORD_API = "https://discord.com/api/v10"


def _address(url: str) -> str:
    TypeAdapter(HttpUrl).validate_python(url)
    return url.rstrip("/")


def _listed(value: object) -> object:
    """A comma-separated text, as variables hold lists."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _labels(value: object) -> object:
    """As moderators write them, which is how variables hold them."""
    return split_labels(value) if isinstance(value, str) else value


def _usable(read: Callable[[T], T]) -> Callable[[T], T]:
    """What the core says of an input that it cannot use, as pydantic takes it."""

    def checked(value: T) -> T:
        try:
            return read(value)
        except UnusableInputError as error:
            raise ValueError(str(error)) from error

    return checked


def _language(language: str) -> str:
    if language not in languages():
        raise ValueError(f"choose one of {', '.join(languages())}")
    return language


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DiscordSettings(_Section):
    token: SecretStr | None = None
    token_file: Path | None = None
    """A file that holds the token and nothing else, and that only its owner may read."""
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
    """Such as `cpu` or `cuda:1`; unset: an accelerator on which the model fits, or all together."""


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
    labels: Annotated[
        tuple[str, ...] | None, NoDecode, BeforeValidator(_labels), AfterValidator(_usable(checked_labels))
    ] = None
    """For `classify`."""
    prefix: Annotated[str, AfterValidator(_usable(read_prefix))] | None = None
    """For `prompted-caption`."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Unset: each mode's own length."""
    temperature: float | None = Field(default=None, ge=0, le=100)
    streaming: bool | None = None
    language: Annotated[str, AfterValidator(_language)] | None = None
    """Of the bot's own words."""


class LogSettings(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    file: Path | None = None
    """Unset: stderr."""
    format: Literal["plain", "json"] = "plain"
    """`json`: one object per line, for programs."""


class Settings(BaseSettings):
    """All settings; `bot.settings.loading` reads them."""

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
