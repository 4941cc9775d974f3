"""What the bot needs to be allowed, and how it is said when something is missing."""

from __future__ import annotations

import discord

from bot.languages.words import ENGLISH, Words, marked

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
)

_NAMES = {
    "view_channel": marked("View Channel"),
    "send_messages": marked("Send Messages"),
    "send_messages_in_threads": marked("Send Messages in Threads"),
    "create_public_threads": marked("Create Public Threads"),
    "read_message_history": marked("Read Message History"),
    "attach_files": marked("Attach Files"),
}
"""As Discord calls them; where it does not speak a language, in English."""


def invite_url(application_id: int) -> str:
    """Where a server's moderator adds the bot with the permissions that it needs."""
    return discord.utils.oauth_url(
        application_id, permissions=NEEDED, scopes=("bot", "applications.commands")
    )


def missing(channel: object, *wanted: str) -> list[str]:
    """The names of those of the wanted permissions that the bot lacks in the channel.

    Empty too where this cannot be known: outside servers, and in channels that Discord did not tell about.
    """
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return []
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return []
    return lacking(channel.permissions_for(channel.guild.me), *wanted)


def lacking(granted: discord.Permissions, *wanted: str) -> list[str]:
    """The names of those of the wanted permissions that are not granted."""
    return [_NAMES[name] for name in wanted if not getattr(granted, name)]


def missing_to_answer(channel: object) -> list[str]:
    """What is missing for any answer at all."""
    return missing(channel, *needed_to_answer(channel))


def needed_to_answer(channel: object) -> tuple[str, str]:
    sending = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    return "view_channel", sending


def missing_to_reply(channel: object) -> list[str]:
    """What is missing for an answer to be a reply, and for reading what was said before."""
    return missing(channel, "read_message_history")


def missing_for_files(channel: object) -> list[str]:
    """What is missing for an answer to show a picture."""
    return missing(channel, "attach_files")


def missing_for_threads(channel: object) -> list[str]:
    return missing(channel, "create_public_threads", "send_messages_in_threads")


def listed(names: list[str], words: Words = ENGLISH) -> str:
    """Names of permissions as part of a sentence."""
    said = ", ".join(map(words.said, names))
    return words.plural("the permission {names}", "the permissions {names}", len(names), names=said)


def moderates(channel: object, person: object) -> bool:
    """Whether someone manages the channel; False where this cannot be known, and outside servers."""
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return False
    if not isinstance(person, discord.Member):
        return False
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return False
    return channel.permissions_for(person).manage_channels


def moderates_server(person: object) -> bool:
    """Whether someone manages all channels of the server, not only this one; False outside servers."""
    return isinstance(person, discord.Member) and person.guild_permissions.manage_channels
