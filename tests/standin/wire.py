"""Things as Discord's JSON (API v10); ids and permission bits are text."""

from __future__ import annotations

from typing import Any

from tests.standin import permissions
from tests.standin.things import (
    DIRECT,
    FORWARDED,
    REPLY_TYPE,
    STARTER_TYPE,
    Account,
    Channel,
    File,
    Message,
    Role,
    Server,
    timestamp,
)

Json = dict[str, Any]


def user(account: Account) -> Json:
    return {
        "id": str(account.id),
        "username": account.name.lower(),
        "global_name": None if account.is_bot else account.name,
        "discriminator": "0",
        "avatar": None,
        "bot": account.is_bot,
        "public_flags": 0,
        "flags": 0,
    }


def own_user(account: Account) -> Json:
    return user(account) | {"verified": True, "mfa_enabled": False, "email": None, "locale": "en-US"}


def member(account: Account, server: Server) -> Json:
    """Without the user, as it stands inside messages."""
    return {
        "nick": None,
        "avatar": None,
        "roles": [str(role.id) for role in server.members.get(account, [])],
        "joined_at": timestamp(server.id),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def full_member(account: Account, server: Server) -> Json:
    return member(account, server) | {"user": user(account)}


def role(one: Role) -> Json:
    return {
        "id": str(one.id),
        "name": one.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 1 if one.managed else 0,
        "permissions": str(int(one.permissions)),
        "managed": one.managed,
        "mentionable": False,
        "flags": 0,
    }


def channel(one: Channel, reader: Account | None = None) -> Json:
    last = str(one.last_message_id) if one.last_message_id else None
    data: Json = {"id": str(one.id), "type": one.kind, "last_message_id": last, "flags": 0}
    if one.kind == DIRECT:
        return data | {"recipients": [user(one.recipient)] if one.recipient else []}
    assert one.server is not None
    data |= {
        "guild_id": str(one.server.id),
        "name": one.name,
        "parent_id": str(one.parent.id) if one.parent else None,
        "rate_limit_per_user": 0,
    }
    if not one.is_thread:
        return data | {
            "position": one.server.channels.index(one),
            "topic": None,
            "nsfw": False,
            "permission_overwrites": [
                {
                    "id": str(id_),
                    "type": int(overwrite.for_account),
                    "allow": str(int(overwrite.allow)),
                    "deny": str(int(overwrite.deny)),
                }
                for id_, overwrite in one.overwrites.items()
            ],
        }
    data |= {
        "owner_id": str(one.owner.id) if one.owner else None,
        "message_count": len(one.messages),
        "total_message_sent": len(one.messages),
        "member_count": len(one.joined),
        "thread_metadata": {
            "archived": one.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": timestamp(one.id),
            "locked": one.locked,
            "create_timestamp": timestamp(one.id),
        },
    }
    if reader in one.joined:
        data["member"] = thread_member(one, reader)
    return data


def thread_member(thread: Channel, account: Account | None) -> Json:
    assert account is not None
    return {
        "id": str(thread.id),
        "user_id": str(account.id),
        "join_timestamp": timestamp(thread.id),
        "flags": 0,
    }


def server(one: Server, reader: Account) -> Json:
    """As GUILD_CREATE sends it to someone without the members intent: only its own member."""
    seen = [place for place in one.channels if permissions.in_channel(reader, place)]
    threads = [place for place in one.threads if not place.archived and permissions.in_channel(reader, place)]
    return {
        **partial_server(one),
        "owner_id": str(one.owner.id),
        "joined_at": timestamp(one.id),
        "large": False,
        "member_count": len(one.members),
        "roles": [role(each) for each in one.roles],
        "members": [full_member(reader, one)],
        "channels": [channel(place, reader) for place in seen],
        "threads": [channel(place, reader) for place in threads],
        "emojis": [],
        "stickers": [],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "system_channel_flags": 0,
        "preferred_locale": "en-US",
    }


def partial_server(one: Server) -> Json:
    return {"id": str(one.id), "name": one.name, "icon": None, "features": [], "unavailable": False}


def attachment(file: File) -> Json:
    data: Json = {
        "id": str(file.id),
        "filename": file.name,
        "size": file.claimed_bytes or len(file.data),
        "url": file.url,
        "proxy_url": file.url.replace("/attachments/", "/media/attachments/"),
    }
    if file.content_type:
        data["content_type"] = file.content_type
    if file.size:
        data["width"], data["height"] = file.size
    return data


def _inside(one: Message) -> Json:
    """What a forwarded copy shows too."""
    return {
        "type": one.type,
        "content": one.content,
        "attachments": [attachment(file) for file in one.attachments],
        "embeds": one.embeds,
        "components": one.components,
        "sticker_items": [{"id": str(file.id), "name": file.name, "format_type": 1} for file in one.stickers],
        "mentions": [mentioned(account, one.channel.server) for account in one.mentions],
        "mention_roles": [],
        "timestamp": timestamp(one.id),
        "edited_timestamp": one.edited,
        "flags": one.flags,
    }


def mentioned(account: Account, place: Server | None) -> Json:
    return user(account) | ({"member": member(account, place)} if place else {})


def message(one: Message, reader: Account, sees_content: bool, *, nested: bool = False) -> Json:
    """Without the message-content intent the inside is empty, except of one's own messages, of those that
    mention the reader (a pinging reply does), and in direct messages; a replied-to message by its own case.
    """
    data = _inside(one) | {
        "id": str(one.id),
        "channel_id": str(one.channel.id),
        "author": user(one.author),
        "pinned": False,
        "tts": False,
        "mention_everyone": one.mentions_everyone,
    }
    if one.nonce is not None:
        data["nonce"] = one.nonce
    if one.webhook:
        data["webhook_id"] = str(one.author.id)
    if one.thread is not None:
        data["thread"] = channel(one.thread, reader)
    if one.forwarded is not None:
        data["message_snapshots"] = [{"message": _inside(one.forwarded)}]
    if one.reference is not None:
        data["message_reference"] = _reference(one)
        if one.type in (REPLY_TYPE, STARTER_TYPE) and not nested:
            data["referenced_message"] = _referenced(one, reader, sees_content)
    open_to_reader = sees_content or one.channel.server is None or one.author is reader
    if not open_to_reader and reader not in one.mentions:
        data |= {"content": "", "attachments": [], "embeds": [], "components": []}
        data.pop("message_snapshots", None)
    return data


def _reference(one: Message) -> Json:
    assert one.reference is not None
    channel_id, message_id = one.reference
    data: Json = {
        "type": int(bool(one.flags & FORWARDED) or one.forwarded is not None),
        "channel_id": str(channel_id),
        "message_id": str(message_id),
    }
    return data | ({"guild_id": str(one.channel.server.id)} if one.channel.server else {})


def _referenced(one: Message, reader: Account, sees_content: bool) -> Json | None:
    assert one.reference is not None
    channel_id, message_id = one.reference
    place = one.channel if channel_id == one.channel.id else one.channel.parent
    found = place.messages.get(message_id) if place else None
    return message(found, reader, sees_content, nested=True) if found else None


def message_event(one: Message, reader: Account, sees_content: bool) -> Json:
    """MESSAGE_CREATE and MESSAGE_UPDATE: the message, and where and by which member."""
    data = message(one, reader, sees_content) | {"channel_type": one.channel.kind}
    if one.channel.server is None:
        return data
    return data | {
        "guild_id": str(one.channel.server.id),
        "member": member(one.author, one.channel.server),
    }
