"""What all commands share: who may, what cannot be done, in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import Scope
from bot.conversation.notes import OUR_FAILURE, UNABLE
from bot.store.errors import StoreError
from bot.store.repository import SqlStore
from tests.bot.cogs.speaking import ATTACHED, mode, moderator, place_in, told
from tests.bot.discord_world import World, picture, tell


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("labels set", {"labels": " , ,"}, "at least two different labels"),
        ("labels set", {"labels": "cat"}, "at least two different labels"),
        ("labels set", {"labels": "cat, Cat"}, "at least two different labels"),
        ("labels set", {"labels": ",".join(f"l{number}" for number in range(200))}, "Those are 200 labels"),
        ("labels set", {"labels": "cat," + "x" * 90}, "is too long"),
        ("labels add", {"labels": "cat, dog"}, "nothing new"),
        ("labels remove", {"label": "horse"}, "no label “horse”"),
        ("labels remove", {"label": "cat"}, "Two labels have to stay"),
        ("prefix set", {"text": "x" * 5000}, "5,000 characters"),
        ("prefix set", {"text": "  "}, "is empty"),
        ("examples add", {"picture": ("a.txt", b"no picture"), "answer": "A cat."}, "could not use a.txt"),
        ("examples add", {"picture": ATTACHED, "answer": " "}, "answer is empty"),
        ("examples add", {"picture": ATTACHED, "answer": "x" * 5000}, "5,000 characters"),
        ("examples remove", {"example": "99999999999999999999"}, "no such example"),
        ("examples remove", {"example": "a cat"}, "no such example"),
        ("examples clear", {}, "no examples of its own"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_private_sentence(
    tmp_path: Path, command: str, options: dict[str, Any], sentence: str
) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("cat", "dog"))
        before = await world.store.settings(place_in(world))
        said = told(await moderator(world).slash(world.channel, command, **options))
        assert sentence in said
        assert said.count("\n") == 0
        assert await world.store.settings(place_in(world)) == before
        assert await world.store.examples(place_in(world).scopes) == []

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("mode set", {"mode": "chat"}),
        ("labels set", {"labels": "a, b"}),
        ("labels add", {"labels": "c"}),
        ("labels remove", {"label": "cat"}),
        ("examples add", {"picture": ATTACHED, "answer": "A cat."}),
        ("examples remove", {"example": "1"}),
        ("examples clear", {}),
        ("reset", {}),
    ],
)
def test_what_is_for_moderators(tmp_path: Path, command: str, options: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("cat", "dog", "bird"))
        before = await world.store.settings(place_in(world))
        said = told(await world.alice.slash(world.channel, command, **options))
        assert said.startswith("Only moderators can do that")
        assert await world.store.settings(place_in(world)) == before
        assert await world.store.examples(place_in(world).scopes) == []

    tell(tmp_path, story)


def test_commands_for_moderators_alone_are_not_shown_to_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        shown = world.alice.available_commands(world.channel)
        hidden = {"prefix set", "prefix clear", "settings", "Add as example"}
        assert hidden.isdisjoint(shown)
        assert hidden - {"Add as example"} <= set(moderator(world).available_commands(world.channel))
        assert {"mode show", "labels show", "examples list", "ask", "caption", "story"} <= set(shown)
        # A server may show them to others: then the bot itself sees to it.
        prefix = next(one for one in await world.client.tree.fetch_commands() if one.name == "prefix")
        world.guild.set_command_permissions(prefix, {world.alice: True})
        said = told(await world.alice.slash(world.channel, "prefix set", text="A photo of"))
        assert said.startswith("Only moderators can do that")

    tell(tmp_path, story)


def test_an_interaction_that_has_expired_harms_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.env.inject_error(
            "POST", "/interactions/*/*/callback", status=404, code=10062, message="Unknown interaction"
        )
        result = await world.alice.slash(world.channel, "help")
        assert not result.acknowledged
        assert "Nobody waits" in told(await world.alice.slash(world.channel, "queue"))

    tell(tmp_path, story)


def test_the_bots_words_are_those_of_the_server_else_of_the_person(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        server = Scope(world.guild.id, is_server=True)
        await world.store.change_settings(server, ChannelSettings(language="ar"))
        said = told(await world.alice.slash(world.channel, "labels show"))
        assert said == "لا تصنيفات بعد: يضبطها مشرف بالأمر \N{LEFT-TO-RIGHT MARK}/labels set."
        # A person's Discord speaks English here.
        await world.store.change_settings(server, ChannelSettings())
        said = told(await world.alice.slash(world.channel, "labels show"))
        assert said == "There are no labels yet: a moderator sets them with /labels set."

    tell(tmp_path, story)


@pytest.mark.parametrize("code", [10015, 50027])
def test_what_takes_longer_than_an_interaction_lives_harms_nothing(tmp_path: Path, code: int) -> None:
    async def story(world: World) -> None:
        status = 401 if code == 50027 else 404
        world.env.inject_error("POST", "/webhooks/*/*", status=status, code=code, message="It is over")
        result = await moderator(world).slash(world.channel, "examples add", picture=ATTACHED, answer="one")
        assert result.acknowledged
        assert len(await world.store.examples(place_in(world).scopes)) == 1
        assert "Nobody waits" in told(await world.alice.slash(world.channel, "queue"))

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("error", "said"),
    [(ZeroDivisionError("a bug"), OUR_FAILURE), (StoreError("The database x cannot be written."), UNABLE)],
)
def test_a_failure_is_said_privately_and_logged_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise error

    async def story(world: World) -> None:
        await world.ask("what?", picture())
        with monkeypatch.context() as broken:
            broken.setattr(SqlStore, "change_settings", failing)
            broken.setattr(SqlStore, "reopen_request", failing)
            mod = moderator(world)
            assert told(await mod.slash(world.channel, "mode set", mode="story")) == said
            pressed = await world.alice.click(world.answer(), label="Regenerate")
            assert [(one.content, one.ephemeral) for one in pressed.followups] == [(said, True)]
        assert caplog.text.count(f"{type(error).__name__}: {error}") == 2
        assert "Traceback" in caplog.text
        await world.alice.click(world.answer(), label="Regenerate")
        assert world.answer().content == "Answer 2."

    tell(tmp_path, story)


def test_what_is_longer_than_a_message_is_said_in_several(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        labels = tuple(f"{number:03} {'x' * 70}" for number in range(100))
        await mode(world, Mode.CLASSIFY, labels=labels)
        result = await world.alice.slash(world.channel, "labels show")
        parts = [one for one in (result.response, *result.followups) if one is not None]
        assert len(parts) > 3
        assert all(part.ephemeral and len(part.content) <= 2000 for part in parts)
        said = " ".join(part.content for part in parts)
        assert all(label in said for label in labels)

    tell(tmp_path, story)


def test_a_message_is_answered_in_the_language_of_its_server(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("What is this?", picture(), b"no picture")
        assert world.answer().content.startswith("A red square.\n-# Mit 1.png konnte ich nichts anfangen.")
        assert world.labels(world.answer()) == ["Neue Antwort", "Löschen"]
        # A command tells the language of who gives it.
        assert "Nobody waits" in told(await world.alice.slash(world.channel, "queue"))
        here = Scope(world.channel.id)
        await world.store.change_settings(here, ChannelSettings(language="ar"))
        await world.ask("And this?", b"no picture")
        assert world.answers()[-1].content.startswith("لم أستطع استعمال 0.png.")

    tell(tmp_path, story, "A red square.", locale="de")
