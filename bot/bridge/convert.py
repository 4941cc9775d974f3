"""Discord's messages and channels in the core's terms."""

from __future__ import annotations

import re
from collections.abc import Iterable

import discord

from bot.bridge.address import DiscordAddress
from bot.bridge.permissions import moderates
from bot.conversation.messages import Message, Origin, Person, PhotoOffer, Place, PlaceKind, Reference
from bot.languages.words import sentence

AnyChannel = (
    discord.abc.GuildChannel | discord.abc.PrivateChannel | discord.Thread | discord.PartialMessageable
)
Content = discord.Message | discord.MessageSnapshot

_MENTION = re.compile(r"<(?P<kind>@!?|@&|#)(?P<id>\d+)>")
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")


class Converter:
    """Translates for one logged-in bot."""

    def __init__(self, bot: discord.ClientUser, address: DiscordAddress) -> None:
        self._bot = bot
        self._address = address

    def message(self, message: discord.Message) -> Message:
        """With the forwarded message's content as its own, and the replied-to message if Discord sent it."""
        return self._message(message, self._reference(message))

    def person(self, user: discord.abc.User) -> Person:
        return Person(user.id, user.display_name)

    def mentions_bot(self, message: discord.Message) -> bool:
        """The bot, or the role of its own that a server gives it and people pick by mistake."""
        role = self._own_role(message)
        return any(user.id == self._bot.id for user in message.mentions) or (
            role is not None and role in message.role_mentions
        )

    def _message(self, message: discord.Message, reference: Reference | None) -> Message:
        contents: list[Content] = [message, *message.message_snapshots]
        texts = [self._text(content, message) for content in contents]
        if message.poll is not None:
            texts += [message.poll.question, *(answer.text for answer in message.poll.answers)]
        return Message(
            id=message.id,
            place=place(message.channel),
            author=self.person(message.author),
            origin=self._origin(message),
            text="\n".join(text for text in texts if text),
            offers=tuple(offer for content in contents for offer in self._offers(content)),
            mentions_bot=self.mentions_bot(message),
            reply_to=reference,
            by_moderator=moderates(message.channel, message.author),
            # A message does not tell its author's language; a community's is mostly that of its members.
            language=message.guild.preferred_locale.value if message.guild is not None else None,
        )

    def _reference(self, message: discord.Message) -> Reference | None:
        reference = message.reference
        if (
            reference is None
            or reference.message_id is None
            or reference.type is not discord.MessageReferenceType.reply
        ):
            return None
        resolved = reference.resolved or reference.cached_message
        if not isinstance(resolved, discord.Message):  # deleted, or Discord did not look it up
            return Reference(reference.message_id, to_bot=False)
        to_bot = resolved.author.id == self._bot.id
        return Reference(reference.message_id, to_bot, self._message(resolved, None))

    def _origin(self, message: discord.Message) -> Origin:
        if message.author.id == self._bot.id:
            return Origin.SELF
        if message.webhook_id is not None:
            return Origin.WEBHOOK
        if message.author.bot:
            return Origin.BOT
        people_write = (discord.MessageType.default, discord.MessageType.reply)
        if message.type not in people_write or message.author.system:
            return Origin.SYSTEM
        return Origin.PERSON

    def _own_role(self, message: discord.Message) -> discord.Role | None:
        return message.guild.self_role if message.guild is not None else None

    def _text(self, content: Content, message: discord.Message) -> str:
        own_role = self._own_role(message)

        def name(match: re.Match[str]) -> str:
            kind, id_ = match["kind"], int(match["id"])
            if kind == "#":
                channel = message.guild.get_channel_or_thread(id_) if message.guild is not None else None
                return f"#{channel.name}" if channel is not None else match[0]
            if kind == "@&":
                if own_role is not None and own_role.id == id_:
                    return ""
                role = message.guild.get_role(id_) if message.guild is not None else None
                return f"@{role.name}" if role is not None else match[0]
            if id_ == self._bot.id:
                return ""
            user = next((user for user in message.mentions if user.id == id_), None)
            return f"@{user.display_name}" if user is not None else match[0]

        text = _EMOJI.sub(r"\1", _MENTION.sub(name, content.content))
        return re.sub(r" {2,}", " ", text).strip() if text != content.content else text.strip()

    def _offers(self, content: Content) -> Iterable[PhotoOffer]:
        for attachment in content.attachments:
            yield PhotoOffer(attachment.url, attachment.filename, attachment.size)
        for embed in content.embeds:
            # Only the proxy's address: the other one is whatever the page's author wrote.
            proxied = embed.image.proxy_url or embed.thumbnail.proxy_url
            if proxied is not None:
                yield PhotoOffer(
                    proxied,
                    sentence("the preview of {link}", link=embed.url)
                    if embed.url
                    else sentence("the link's preview"),
                )
        for sticker in content.stickers:
            url = self._address.sticker_url(sticker.id, sticker.format.file_extension)
            yield PhotoOffer(url, sentence("the sticker {name}", name=sticker.name))


def place(channel: AnyChannel) -> Place:
    """Where a channel's messages stand; a channel that is not known counts as one without threads."""
    guild = getattr(channel, "guild", None)
    server_id = guild.id if guild is not None else None
    match channel:
        case discord.Thread():
            return Place(channel.id, PlaceKind.THREAD, server_id, channel.parent_id)
        case discord.TextChannel():
            return Place(channel.id, PlaceKind.CHANNEL, server_id)
        case discord.abc.PrivateChannel():
            return Place(channel.id, PlaceKind.DIRECT)
    return Place(channel.id, PlaceKind.CHAT if server_id is not None else PlaceKind.DIRECT, server_id)
