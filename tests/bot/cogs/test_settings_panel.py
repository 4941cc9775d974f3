"""/settings: the panel shows where values come from, and changes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor

from bot.bridge.convert import place
from bot.conversation.channel_settings import ChannelSettings, History, Trigger
from bot.conversation.messages import Scope
from tests.bot.cogs.speaking import moderator, told
from tests.bot.discord_world import World, picture, tell


async def opened(world: World, person: MemberActor, channel: Any = None) -> Any:
    """The panel; it stays the same message when it is edited."""
    shown = (await person.slash(channel or world.channel, "settings")).response
    assert shown is not None
    assert shown.ephemeral
    return shown


def lines(message: Any) -> dict[str, str]:
    """Each setting with its value and origin."""
    [embed] = message.embeds
    return {field.name: field.value.replace("**", "").replace("\n-# ", " / ") for field in embed.fields}


def custom_id(message: Any, kind: str) -> str:
    ids = [one["custom_id"] for row in message.components for one in row["components"]]
    return next(one for one in ids if one.startswith(f"panel:{kind}:"))


async def choose(person: MemberActor, message: Any, kind: str, value: str) -> simcord.InteractionResult:
    return await person.select(message, [value], custom_id=custom_id(message, kind))


def test_values_come_from_thread_channel_server_and_default(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await world.ask("what?", picture())
        thread = world.thread()
        await world.store.change_settings(
            Scope(world.guild.id, is_server=True), ChannelSettings(history=History.OFF, language="en")
        )
        await world.store.change_settings(
            Scope(world.channel.id), ChannelSettings(trigger=Trigger.EVERY_PICTURE, history=History.ALL)
        )
        await world.store.change_settings(Scope(thread.id), ChannelSettings(temperature=0.7))
        shown = lines(await opened(world, mod, thread))
        assert shown["Creativity"] == "more / this thread"
        assert shown["Considers"] == "all that was said here / this channel"
        assert shown["Language of my own words"] == "English / the whole server"
        assert shown["Opens threads"] == "for pictures / default"
        assert "this thread" not in str(lines(await opened(world, mod)))

    tell(tmp_path, story)


def test_a_value_is_chosen_for_a_scope_and_left_to_the_wider_one_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        panel = await opened(world, mod)
        await choose(mod, panel, "setting", "trigger")
        await choose(mod, panel, "scope", "server")
        await choose(mod, panel, "value", "1")
        assert lines(panel)["Responds"] == "every picture / the whole server"
        server = Scope(world.guild.id, is_server=True)
        assert (await stored(world, server)).trigger is Trigger.EVERY_PICTURE
        # What is chosen is in the panel, so it works after a restart too.
        await world.restart()
        await mod.click(panel, custom_id=custom_id(panel, "inherit"))
        assert lines(panel)["Responds"] == "when mentioned / default"
        assert await stored(world, server) == ChannelSettings()

    tell(tmp_path, story)


def test_the_panel_speaks_the_language_that_is_chosen(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        panel = await opened(world, mod)
        await choose(mod, panel, "setting", "language")
        await choose(mod, panel, "value", "2")
        assert lines(panel)["لغة كلامي أنا"] == "العربية / هذه القناة"
        said = told(await world.alice.slash(world.channel, "queue"))
        assert said == "لا أحد ينتظر: يُجاب عن السؤال فورًا."
        await world.ask("what?")
        assert world.labels(world.answer()) == ["جواب آخر", "حذف"]

    tell(tmp_path, story)


def test_who_moderates_one_channel_does_not_decide_for_the_server(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        allowed = discord.PermissionOverwrite(manage_channels=True)
        channel = world.guild.create_text_channel("hers", overwrites={world.alice: allowed})
        world.guild.set_command_permissions(await command(world, "settings"), {world.alice: True})
        panel = await opened(world, world.alice, channel)
        await choose(world.alice, panel, "scope", "server")
        refused = told(await choose(world.alice, panel, "value", "1"))
        assert refused.startswith("For the whole server you need Manage Channels in all of it")
        assert await stored(world, Scope(world.guild.id, is_server=True)) == ChannelSettings()

    tell(tmp_path, story)


def test_the_panel_is_for_moderators(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.guild.set_command_permissions(await command(world, "settings"), {world.alice: True})
        refused = told(await world.alice.slash(world.channel, "settings"))
        assert refused.startswith("Only moderators can do that")

    tell(tmp_path, story)


async def command(world: World, name: str) -> Any:
    return next(one for one in await world.client.tree.fetch_commands() if one.name == name)


async def stored(world: World, scope: Scope) -> ChannelSettings:
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    here = place(channel)
    return (await world.store.settings(here))[here.scopes.index(scope)]
