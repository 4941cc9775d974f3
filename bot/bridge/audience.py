"""Discord as a place where answers are shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import discord

from bot.bridge.answer_messages import AnswerMessages, Channel
from bot.bridge.mentions import CommandMentions
from bot.bridge.pacing import Pacer
from bot.bridge.permissions import listed, missing_to_reply
from bot.bridge.reply_view import DiscordReplyView
from bot.conversation.messages import Place, PlaceKind
from bot.conversation.ports import ReplyView
from bot.conversation.recent import Recent
from bot.conversation.requests import Request
from bot.conversation.store import Store
from bot.languages.words import Words


@dataclass(frozen=True, slots=True)
class DiscordAudience:
    """The `Audience` of one logged-in client."""

    client: discord.Client
    store: Store
    pacer: Pacer
    ping_author: bool = True
    now: Callable[[], datetime] = discord.utils.utcnow
    told_about_history: Recent[int, bool] = field(default_factory=lambda: Recent(10_000))
    """Places where the missing permission to read the history was mentioned."""
    mentions: CommandMentions = field(default_factory=CommandMentions)
    nonce_salt: str = "-"

    def serves(self, place: Place) -> bool:
        return place.kind is not PlaceKind.WEB

    def view(self, request: Request, words: Words) -> ReplyView:
        channel = self.channel(request.place)
        messages = AnswerMessages(
            channel,
            request,
            self.store,
            ping_author=self.ping_author,
            own_id=self.client.user.id if self.client.user is not None else 0,
            nonce_salt=self.nonce_salt,
            now=self.now,
        )
        notes = []
        if (names := missing_to_reply(channel)) and not self.told_about_history.get(request.place.id):
            self.told_about_history[request.place.id] = True
            notes.append(
                words(
                    "To reply to your message and see the earlier ones I need {permissions} here.",
                    permissions=listed(names, words),
                )
            )
        messages.can_reply = not names
        return DiscordReplyView(messages, self.pacer, words, self.mentions, notes)

    def again(self) -> Self:
        """The same for answering a question once more.

        Its messages are new ones, even if Discord remembers messages with the nonces of the earlier answer.
        """
        return replace(self, nonce_salt=secrets.token_hex(2))

    def channel(self, place: Place) -> Channel:
        channel = self.client.get_channel(place.id)
        if isinstance(channel, Channel):
            return channel
        kind = discord.ChannelType.private if place.kind is PlaceKind.DIRECT else None
        return self.client.get_partial_messageable(place.id, guild_id=place.server_id, type=kind)
