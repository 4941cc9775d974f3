"""Who may do what where, as far as a test server needs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.standin.things import Account, Channel, Server


class Permission(IntFlag):
    """Bits as Discord documents them."""

    NONE = 0
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


ALL = Permission((1 << 50) - 1)
EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)


@dataclass
class Overwrite:
    for_account: bool
    """False: for a role."""
    allow: Permission = Permission.NONE
    deny: Permission = Permission.NONE


def in_server(account: Account, server: Server) -> Permission:
    if account is server.owner:
        return ALL
    if account not in server.members:
        return Permission.NONE
    granted = server.roles[0].permissions
    for role in server.members[account]:
        granted |= role.permissions
    return ALL if Permission.ADMINISTRATOR in granted else granted


def in_channel(account: Account, channel: Channel) -> Permission:
    """Base permissions, then overwrites for everyone, for roles together, for the account.

    A thread follows its parent. Everything is allowed in a direct message, for the two in it.
    """
    if channel.server is None:
        return ALL
    granted = in_server(account, channel.server)
    if granted == ALL:
        return ALL
    place = channel.parent if channel.is_thread and channel.parent else channel
    roles = [role.id for role in channel.server.members.get(account, [])]
    for ids in ([channel.server.id], roles, [account.id]):
        matching = [place.overwrites[one] for one in ids if one in place.overwrites]
        for overwrite in matching:
            granted &= ~overwrite.deny
        for overwrite in matching:
            granted |= overwrite.allow
    return granted if Permission.VIEW_CHANNEL in granted else Permission.NONE
