"""What the bot needs to be allowed, and how it is said when something is missing."""

from __future__ import annotations

import discord

from bot.languages.words import ENGLISH, Words

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
)

_NAMES = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "create_public_threads": "Create Public Threads",
    "read_message_history": "Read Message History",
    "attach_files": "Attach Files",
}


def invite_url(application_id: int) -> str:
    """Where a server's moderator adds the bot with the permissions that it needs."""
    return discord.utils.oauth_url(
        application_id, permissions=NEEDED, scopes=("bot", "applications.commands")
    )


def missing(channel: object, *wanted: str) -> list[str]:
    """Names, as people see them, of those of the wanted permissions that the bot lacks in the channel.

    Empty too where this cannot be known: outside servers, and in channels that Discord did not tell about.
    """
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return []
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return []
    granted = channel.permissions_for(channel.guild.me)
    return [_NAMES[name] for name in wanted if not getattr(granted, name)]


def missing_to_answer(channel: object) -> list[str]:
    """What is missing for any answer at all."""
    sending = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    return missing(channel, "view_channel", sending)


def missing_to_reply(channel: object) -> list[str]:
    """What is missing for an answer to be a reply, and for reading what was said before."""
    return missing(channel, "read_message_history")


def missing_for_files(channel: object) -> list[str]:
    """What is missing for an answer to show a picture."""
    return missing(channel, "attach_files")


def missing_for_threads(channel: object) -> list[str]:
    return missing(channel, "create_public_threads", "send_messages_in_threads")


def listed(names: list[str], words: Words = ENGLISH) -> str:
    """As part of a sentence; the names themselves are Discord's."""
    return words.plural(
        "the permission {names}", "the permissions {names}", len(names), names=", ".join(names)
    )


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
