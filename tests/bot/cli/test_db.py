from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.store import migrate

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_database_is_made_and_shown(run: Run, tmp_path: Path) -> None:
    assert run("db", "current") == (
        0,
        f"idefics-bot.sqlite3: no tables yet; idefics-bot db upgrade brings it to {migrate.head()}\n",
        "",
    )
    assert not (tmp_path / "idefics-bot.sqlite3").exists()
    wanted = (0, f"idefics-bot.sqlite3: revision {migrate.head()}, up to date\n", "")
    assert run("db", "upgrade") == wanted
    assert run("db", "upgrade") == wanted
    assert run("db", "current") == wanted


def test_the_settings_say_where_it_is(run: Run, tmp_path: Path) -> None:
    Path("other.toml").write_text('[store]\nurl = "sqlite+aiosqlite:///other.sqlite3"\n')
    status, out, _ = run("db", "upgrade", "--config", "other.toml")
    assert (status, out.partition(":")[0]) == (0, "other.sqlite3")
    assert Path("other.sqlite3").exists()


@pytest.mark.parametrize("command", ["upgrade", "current"])
def test_what_cannot_be_used_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    assert run("db", command, "--config", "none.toml")[::2] == (
        2,
        "There is no settings file none.toml: check its name.\n",
    )
    monkeypatch.setenv("IDEFICS_BOT_STORE__URL", "sqlite+aiosqlite:///none/store.sqlite3")
    assert run("db", command) == (
        2,
        "",
        "The database none/store.sqlite3 cannot be opened: make the folder none first.\n",
    )


def test_a_copy_is_made_and_never_over_another_file(run: Run, tmp_path: Path) -> None:
    assert run("db", "backup", "copy.sqlite3") == (
        2,
        "",
        "There is no database idefics-bot.sqlite3 yet, so there is nothing to copy.\n",
    )
    run("db", "upgrade")
    status, out, _ = run("db", "backup", "copy.sqlite3")
    assert (status, out.startswith("copy.sqlite3: "), out.endswith(" MB, whole\n")) == (0, True, True)
    assert run("db", "backup", "copy.sqlite3") == (
        2,
        "",
        "There is a file copy.sqlite3 already: name another one.\n",
    )
    Path("idefics-bot.sqlite3").unlink()
    Path("copy.sqlite3").rename("idefics-bot.sqlite3")
    assert run("db", "current")[1] == f"idefics-bot.sqlite3: revision {migrate.head()}, up to date\n"
