"""Modes, as moderators choose them and members see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.conversation.channel_settings import ChannelSettings, Mode, Trigger
from bot.conversation.messages import Scope
from tests.bot.cogs.speaking import ATTACHED, mode, moderator, place_in, told
from tests.bot.discord_world import World, picture, tell


def test_the_mode_of_a_channel(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        said = told(await mod.slash(world.channel, "mode set", mode="classify"))
        assert said == (
            "The mode is now classify: it picks one of the channel's labels. "
            "It has nothing to choose from yet: give it labels with /labels set."
        )
        said = told(await mod.slash(world.channel, "labels set", labels='cat, "a dog, asleep", CAT'))
        assert said == 'There are 2 labels now: cat, "a dog, asleep"'
        shown = told(await world.alice.slash(world.channel, "mode show"))
        assert shown.splitlines() == [
            "The mode is classify: it picks one of the channel's labels.",
            'Labels: cat, "a dog, asleep"',
        ]
        refused = told(await world.alice.slash(world.channel, "mode set", mode="chat"))
        assert refused.startswith("Only moderators can do that")
        assert (await world.store.settings(place_in(world)))[0].mode is Mode.CLASSIFY

    tell(tmp_path, story)


def test_a_thread_inherits_and_may_differ(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await world.ask("what?", picture())
        thread = world.thread()
        await mod.slash(world.channel, "mode set", mode="story")
        assert "story" in told(await world.alice.slash(thread, "mode show"))
        await mod.slash(thread, "mode set", mode="vqa")
        assert "vqa" in told(await world.alice.slash(thread, "mode show"))
        assert "story" in told(await world.alice.slash(world.channel, "mode show"))

    tell(tmp_path, story)


def test_a_classifying_channel_shows_bars(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CLASSIFY, labels=("house", "tree"))
        await world.ask("", picture())
        answer = world.answer()
        assert answer.content == "house (67%)"
        [bars] = answer.attachments
        assert bars.description == "house 67%, tree 33%"
        assert world.labels(answer) == ["Delete"], "weighed once more, it would be the same"
        await world.alice.send(world.thread(), "why?")
        assert "[red]" in world.engine.shown(0)
        assert world.answer(world.thread()).attachments == []

    tell(tmp_path, story, "It has a roof.")


def test_several_pictures_are_answered_in_one_message_and_accepted_as_alt_texts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.store.change_settings(
            Scope(world.channel.id), ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE)
        )
        colours = ("red", "green", "blue", "red")
        await world.alice.send(
            world.channel,
            "my holidays",
            attachments=[(f"{number}.png", picture(one)) for number, one in enumerate(colours)],
        )
        answer = world.answer()
        assert answer.content == "\n".join(f"{number}. Answer {number}." for number in range(1, 5))
        assert "Use as alt text" in world.labels(answer)
        refused = await moderator(world).click(answer, label="Use as alt text")
        assert told(refused) == "Only the person whose picture it is can do that."
        accepted = await world.alice.click(answer, label="Use as alt text")
        assert accepted.followups[-1].content.startswith("Done: my answer now shows the pictures")
        answer = world.answer()
        assert [one.description for one in answer.attachments] == [
            f"Answer {number}." for number in range(1, 5)
        ]
        assert not any(one.is_spoiler() for one in answer.attachments)
        assert "Use as alt text" not in world.labels(answer)

    tell(tmp_path, story)


def test_with_an_alt_text_a_spoiler_stays_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CAPTION)
        await world.alice.send(
            world.channel, world.mention, attachments=[("SPOILER_end.png", picture("red"))]
        )
        await world.alice.click(world.answer(), label="Use as alt text")
        [shown] = world.answer().attachments
        assert shown.is_spoiler()
        assert shown.description == "A red square."

    tell(tmp_path, story, "A red square.")


def test_an_alt_text_is_accepted_as_soon_as_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        await mode(world, Mode.CAPTION)
        disk, finish_request = world.event(), world.store.finish_request

        async def later(*finished: Any) -> None:
            await disk.wait()
            await finish_request(*finished)

        monkeypatch.setattr(world.store, "finish_request", later)
        await world.ask("", picture())
        await world.alice.click(world.answer(), label="Use as alt text")
        await world.release(disk)
        [shown] = world.answer().attachments
        assert shown.description == "A red square."

    tell(tmp_path, story, "A red square.")


def test_in_direct_messages_everybody_decides(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        alice = world.alice.user
        assert "caption" in told(await alice.slash("mode set", mode="caption"))
        await alice.slash("caption", picture=ATTACHED)
        assert world.engine.shown(0) == "[red]"
        assert "We begin afresh" in told(await alice.slash("reset"))

    tell(tmp_path, story)
