"""What tests of commands use: a moderator, things to attach, and what was said privately."""

from __future__ import annotations

import re
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor

from bot.bridge.convert import place
from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.messages import PhotoOffer, Place, Scope
from tests.bot.discord_world import World, picture

ATTACHED = ("a.png", picture())
"""As an option of a command is given."""


def moderator(world: World) -> MemberActor:
    role = world.guild.create_role("Mods", permissions=discord.Permissions(manage_channels=True))
    return world.guild.add_member(world.env.create_user("mod"), roles=[role])


def told(result: simcord.InteractionResult) -> str:
    """What was said to the person alone."""
    said = [one for one in (result.response, *result.followups) if one is not None]
    assert said
    assert all(one.ephemeral for one in said), said
    return unlinked("\n".join(one.content for one in said if one.content))


def unlinked(text: str) -> str:
    """With commands as they are typed, in place of what Discord shows as a link."""
    return re.sub(r"</([\w ]+):\d+>", r"/\1", text)


async def mode(world: World, chosen: Mode, **settings: Any) -> None:
    await world.store.change_settings(Scope(world.channel.id), ChannelSettings(mode=chosen, **settings))


def place_in(world: World) -> Place:
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return place(channel)


def offer_in(world: World) -> PhotoOffer:
    url = world.env.backend.cdn.store_attachment(1, world.channel.id, "a.png", picture(), None)["url"]
    return PhotoOffer(url, "a.png")


def text_of(form: simcord.InteractionResult) -> str:
    """The id of the only text field of a form."""
    assert form.modal is not None
    [label] = form.modal["components"]
    return str(label["component"]["custom_id"])
