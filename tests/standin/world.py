"""What happens on the stand-in: each change to things, with the events that Discord sends for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.standin import permissions, wire
from tests.standin.errors import THREAD_ARCHIVED, THREAD_EXISTS, WRONG_CHANNEL_TYPE, ApiError
from tests.standin.gateway import DIRECT_MESSAGES, GUILD_MESSAGES, Gateway
from tests.standin.permissions import Permission
from tests.standin.things import (
    DEFAULT_TYPE,
    DIRECT,
    HAS_THREAD,
    NEWS,
    NEWS_THREAD,
    PUBLIC_THREAD,
    REPLY_TYPE,
    STARTER_TYPE,
    TEXT,
    Account,
    Channel,
    File,
    Message,
    Server,
    Snowflakes,
    now,
)

MENTION = re.compile(r"<@!?(\d+)>")
NONCES_KEPT = 100
"""Discord says "the past few minutes"."""


class World:
    def __init__(self, bot: Account, servers: list[Server], gateway: Gateway, new_id: Snowflakes) -> None:
        self.bot = bot
        self.servers = servers
        self.accounts: dict[int, Account] = {bot.id: bot}
        self.channels: dict[int, Channel] = {}
        self.files: dict[int, File] = {}
        self.media_url = ""
        """Where files are served, known once the server listens."""
        self.new_id = new_id
        self._gateway = gateway
        self._by_nonce: dict[tuple[int, str], Message] = {}

    def store(self, place: Channel, file: File) -> File:
        """Gives the file its signed link."""
        signature = f"?ex=7fffffff&is=0&hm={file.id:064x}&"
        file.url = f"{self.media_url}/attachments/{place.id}/{file.id}/{file.name}{signature}"
        self.files[file.id] = file
        return file

    def direct_channel(self, person: Account) -> Channel:
        for place in self.channels.values():
            if place.kind == DIRECT and place.recipient is person:
                return place
        place = Channel(self.new_id(), DIRECT, recipient=person)
        self.channels[place.id] = place
        return place

    def forget_nonces(self) -> None:
        """The past few minutes are over."""
        self._by_nonce.clear()

    def sent_before(self, author: Account, nonce: str) -> Message | None:
        return self._by_nonce.get((author.id, nonce))

    def create_message(
        self,
        place: Channel,
        author: Account,
        content: str,
        *,
        reply_to: Message | None = None,
        ping: bool = True,
        allowed_mentions: dict[str, Any] | None = None,
        attachments: Iterable[File] = (),
        stickers: Iterable[File] = (),
        embeds: Sequence[dict[str, Any]] = (),
        components: Sequence[dict[str, Any]] = (),
        forwarded: Message | None = None,
        nonce: str | None = None,
        kind: int = DEFAULT_TYPE,
        flags: int = 0,
        webhook: bool = False,
    ) -> Message:
        if place.archived:
            if place.locked and Permission.MANAGE_THREADS not in permissions.in_channel(author, place):
                raise ApiError(*THREAD_ARCHIVED)
            self.archive(place, archived=False)
        source = forwarded or reply_to
        message = Message(
            self.new_id(),
            place,
            author,
            content,
            type=REPLY_TYPE if reply_to else kind,
            attachments=[self.store(place, file) for file in attachments],
            stickers=[self.store(place, file) for file in stickers],
            embeds=list(embeds),
            components=list(components),
            reference=(source.channel.id, source.id) if source else None,
            forwarded=forwarded,
            nonce=nonce,
            flags=flags,
            webhook=webhook,
            contents=[content],
        )
        self._set_mentions(message, reply_to if ping else None, allowed_mentions)
        place.messages[message.id] = message
        if place.is_thread and author not in place.joined:
            place.joined.append(author)
        if nonce is not None:
            self._by_nonce[author.id, nonce] = message
            while len(self._by_nonce) > NONCES_KEPT:
                del self._by_nonce[next(iter(self._by_nonce))]
        self.announce_message("MESSAGE_CREATE", message)
        return message

    def _set_mentions(
        self, message: Message, pinged_reply: Message | None, allowed: dict[str, Any] | None
    ) -> None:
        """Who is pinged: everybody that the text names, less what `allowed_mentions` does not allow."""
        named = [
            self.accounts[int(id_)] for id_ in MENTION.findall(message.content) if int(id_) in self.accounts
        ]
        everyone = "@everyone" in message.content or "@here" in message.content
        may = Permission.MENTION_EVERYONE in permissions.in_channel(message.author, message.channel)
        if allowed is not None:
            kinds = allowed.get("parse") or []
            if "users" not in kinds:
                named = [account for account in named if str(account.id) in (allowed.get("users") or [])]
            everyone = everyone and "everyone" in kinds
            pinged_reply = pinged_reply if allowed.get("replied_user") else None
        if pinged_reply is not None and pinged_reply.author is not message.author:
            named.append(pinged_reply.author)
        message.mentions = list(dict.fromkeys(named))
        message.mentions_everyone = everyone and may and message.channel.server is not None

    def edit_message(self, message: Message, **changes: Any) -> None:
        """Changes what is given; a new text is mentioned in `edited` as an author's edit is."""
        for name, value in changes.items():
            setattr(message, name, value)
        if "content" in changes:
            message.contents.append(message.content)
            message.edited = now()
        self.announce_message("MESSAGE_UPDATE", message)

    def announce_message(self, event: str, message: Message) -> None:
        self._gateway.emit(
            event,
            lambda sees_content: wire.message_event(message, self.bot, sees_content),
            intents=GUILD_MESSAGES if message.channel.server else DIRECT_MESSAGES,
            channel=message.channel,
        )

    def delete_messages(self, place: Channel, messages: Sequence[Message], *, bulk: bool = False) -> None:
        where = {"channel_id": str(place.id)}
        if place.server is not None:
            where["guild_id"] = str(place.server.id)
        for message in messages:
            del place.messages[message.id]
            message.deleted = True
        ids = [str(message.id) for message in messages]
        events = [{"ids": ids}] if bulk else [{"id": id_} for id_ in ids]
        for which in events:
            self._gateway.emit(
                "MESSAGE_DELETE_BULK" if bulk else "MESSAGE_DELETE",
                lambda _, which=which: where | which,
                intents=GUILD_MESSAGES if place.server else DIRECT_MESSAGES,
                channel=place,
            )

    def open_thread(self, place: Channel, owner: Account, name: str, starter: Message | None) -> Channel:
        """From a message the thread has its id; its first message then points back to it."""
        if place.kind not in (TEXT, NEWS):
            raise ApiError(*WRONG_CHANNEL_TYPE)
        if starter is not None and starter.thread is not None:
            raise ApiError(*THREAD_EXISTS)
        assert place.server is not None
        thread = Channel(
            starter.id if starter else self.new_id(),
            NEWS_THREAD if place.kind == NEWS else PUBLIC_THREAD,
            name,
            server=place.server,
            parent=place,
            owner=owner,
            joined=[owner],
        )
        self.channels[thread.id] = thread
        place.server.threads.append(thread)
        self._gateway.emit(
            "THREAD_CREATE",
            lambda _: wire.channel(thread, self.bot) | {"newly_created": True},
            channel=thread,
        )
        if starter is not None:
            starter.thread = thread
            self.edit_message(starter, flags=starter.flags | HAS_THREAD)
            first = Message(self.new_id(), thread, starter.author, "", type=STARTER_TYPE)
            first.reference = (place.id, starter.id)
            thread.messages[first.id] = first
            self.announce_message("MESSAGE_CREATE", first)
        return thread

    def archive(self, thread: Channel, *, archived: bool = True, locked: bool = False) -> None:
        thread.archived, thread.locked = archived, locked
        self.announce_channel("THREAD_UPDATE", thread)

    def announce_channel(self, event: str, place: Channel) -> None:
        self._gateway.emit(event, lambda _: wire.channel(place, self.bot), channel=place)

    def delete_channel(self, place: Channel) -> None:
        assert place.server is not None
        self.announce_channel("THREAD_DELETE" if place.is_thread else "CHANNEL_DELETE", place)
        del self.channels[place.id]
        (place.server.threads if place.is_thread else place.server.channels).remove(place)
        if place.is_thread:
            return
        for thread in [one for one in place.server.threads if one.parent is place]:
            place.server.threads.remove(thread)
            del self.channels[thread.id]

    def remove_bot(self, server: Server) -> None:
        """Somebody throws the bot out of the server."""
        self._gateway.emit("GUILD_DELETE", lambda _: {"id": str(server.id)}, server=server)
        self.servers.remove(server)
        for place in (*server.channels, *server.threads):
            del self.channels[place.id]
