from __future__ import annotations

from pathlib import Path

import pytest

from bot.conversation.channel_settings import ChannelSettings, History, Mode, Threads, Trigger
from bot.settings.loading import SettingsError, load_settings
from bot.settings.sections import Settings


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(content: str, name: str = "idefics-bot.toml") -> Path:
    file = Path(name)
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    return file


def test_everything_has_a_default_but_the_token() -> None:
    settings = load_settings()
    assert settings.discord.token is None
    assert settings.discord.api_url == "https://discord.com/api/v10"
    assert settings.model.checkpoint == "demo"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8000)
    assert settings.store.url.startswith("sqlite+aiosqlite:///")
    limits = settings.limits
    assert limits.in_flight_per_person == 3
    assert limits.per_minute_per_person == 10
    assert limits.in_flight_per_server == 100


def test_the_file_in_the_working_folder_is_read() -> None:
    written("[model]\ncheckpoint = 'some/checkpoint'\nquantization = '4bit'")
    model = load_settings().model
    assert (model.checkpoint, model.quantization) == ("some/checkpoint", "4bit")


def test_a_named_file_goes_before_the_variable_and_that_before_the_working_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written("[web]\nport = 1")
    monkeypatch.setenv("IDEFICS_BOT_CONFIG", str(written("[web]\nport = 2", "second.toml")))
    assert load_settings().web.port == 2
    assert load_settings(written("[web]\nport = 3", "third.toml")).web.port == 3


def test_a_variable_replaces_one_value_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written("[web]\nhost = '0.0.0.0'\nport = 1\n[discord]\ntoken = 'of the file'\nping_author = false")
    monkeypatch.setenv("IDEFICS_BOT_WEB__PORT", "2")
    monkeypatch.setenv("DISCORD_TOKEN", "of the variable")
    settings = load_settings()
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 2)
    assert settings.discord.token is not None
    assert settings.discord.token.get_secret_value() == "of the variable"
    assert settings.discord.ping_author is False


def test_an_empty_variable_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written("[model]\ndtype = 'float32'")
    monkeypatch.setenv("IDEFICS_BOT_MODEL__DTYPE", "")
    assert load_settings().model.dtype == "float32"


def test_a_list_in_a_variable_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEFICS_BOT_DISCORD__MEDIA_HOSTS", "media.example, cdn.example:8080")
    assert load_settings().discord.media_hosts == ("media.example", "cdn.example:8080")


def test_what_holds_where_nobody_has_set_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    set_here = ChannelSettings(
        Mode.VQA,
        Trigger.EVERY_PICTURE,
        Threads.NEVER,
        History.ALL,
        labels=("cat", "a dog, or two"),
        prefix="A photo of",
        max_new_tokens=30,
        temperature=0.5,
        streaming=False,
        language="ar",
    )
    written(
        """[replies]
        mode = "vqa"
        trigger = "every picture"
        threads = "never"
        history = "all"
        labels = ["cat", "a dog, or two"]
        prefix = "A photo of"
        max_new_tokens = 30
        temperature = 0.5
        streaming = false
        language = "ar"
        """
    )
    assert ChannelSettings(**load_settings().replies.model_dump()) == set_here
    monkeypatch.setenv("IDEFICS_BOT_REPLIES__LABELS", 'house, "tree, or bush"')
    assert load_settings().replies.labels == ("house", "tree, or bush")


def test_the_address_of_the_api_has_no_slash_at_its_end() -> None:
    written("[discord]\napi_url = 'http://127.0.0.1:9999/api/v10/'")
    assert load_settings().discord.api_url == "http://127.0.0.1:9999/api/v10"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "[store]\nadress = 'x'",
            "The setting store.adress in idefics-bot.toml is unknown: [store] has url.",
        ),
        (
            "[stores]\nurl = 'x'",
            "The section [stores] in idefics-bot.toml is unknown: the sections are discord, ",
        ),
        ("store = 'x'", "The setting store in idefics-bot.toml is wrong: it is a section, written [store]."),
        (
            "[web]\nport = 70000",
            "The setting web.port in idefics-bot.toml is wrong: input should be less than",
        ),
        ("[model]\nquantization = '2bit'", "The setting model.quantization in idefics-bot.toml is wrong: "),
        ("[discord]\napi_url = 'discord'", "The setting discord.api_url in idefics-bot.toml is wrong: "),
        ("[discord]\nmedia_hosts = [1]", "The setting discord.media_hosts in idefics-bot.toml is wrong: "),
        (
            "[replies]\nthreads = 'sometimes'",
            "The setting replies.threads in idefics-bot.toml is wrong: input should be 'always', 'photo' or",
        ),
        (
            "[replies]\nlabels = ['cat', 'CAT']",
            "The setting replies.labels in idefics-bot.toml is wrong: give at least two different labels,",
        ),
        (
            "[replies]\nprefix = ' '",
            "The setting replies.prefix in idefics-bot.toml is wrong: the prefix is empty: write how ",
        ),
        (
            "[replies]\nlanguage = 'tlh'",
            "The setting replies.language in idefics-bot.toml is wrong: choose one of en, ",
        ),
        ("[web\nport = 1", "idefics-bot.toml is not TOML: "),
    ],
)
def test_what_is_wrong_in_the_file_is_named(content: str, sentence: str) -> None:
    written(content)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "IDEFICS_BOT_WEB__PORT",
            "many",
            "The setting web.port from the variable IDEFICS_BOT_WEB__PORT is wrong: ",
        ),
        (
            "IDEFICS_BOT_WEB__PROT",
            "1",
            "The setting web.prot from the variable IDEFICS_BOT_WEB__PROT is unknown: ",
        ),
        (
            "IDEFICS_BOT_WEBB__PORT",
            "1",
            "The variable IDEFICS_BOT_WEBB__PORT sets nothing: the sections are ",
        ),
        ("IDEFICS_BOT_WEB", "{}", "The variable IDEFICS_BOT_WEB names a whole section: "),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(sentence)


def test_a_file_that_was_named_must_be_there() -> None:
    with pytest.raises(SettingsError, match=r"There is no settings file missing\.toml"):
        load_settings(Path("missing.toml"))


def test_the_token_is_never_shown() -> None:
    settings = Settings(discord={"token": "secret"})  # type: ignore[arg-type]
    assert "secret" not in repr(settings)
    written("[discord]\ntoken = ['secret']")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_with_a_secret_is_for_its_owner_alone(mode: int) -> None:
    for content, holds in (
        ("[discord]\ntoken = 'secret'", "the token"),
        ("[web]\ntoken = 'a secret of sixteen'", "the playground's token"),
    ):
        written(content).chmod(mode)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert str(caught.value) == (
            f"idefics-bot.toml holds {holds} and others can read it: chmod 600 idefics-bot.toml."
        )
    written("[web]\nport = 1").chmod(0o644)
    assert load_settings().web.port == 1


def test_the_token_can_stand_in_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    token = written(" of the file\n", "token")
    written("[discord]\ntoken_file = 'token'")
    settings = load_settings()
    assert settings.discord.token is not None
    assert settings.discord.token.get_secret_value() == "of the file"
    assert "of the file" not in repr(settings)
    monkeypatch.setenv("DISCORD_TOKEN", "of the variable")
    settings = load_settings()
    assert settings.discord.token is not None
    assert settings.discord.token.get_secret_value() == "of the variable"
    monkeypatch.delenv("DISCORD_TOKEN")
    token.chmod(0o644)
    with pytest.raises(SettingsError, match="token holds the token and others can read it: chmod 600 token"):
        load_settings()
    token.unlink()
    with pytest.raises(SettingsError, match="The token file token cannot be read: No such file"):
        load_settings()
