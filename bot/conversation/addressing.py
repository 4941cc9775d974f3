"""Whether a message is for the bot."""

from __future__ import annotations

from enum import StrEnum

from bot.conversation.channel_settings import ChannelSettings, Trigger
from bot.conversation.messages import Message, Origin, Place, PlaceKind


class Verdict(StrEnum):
    """Why a message is for the bot, or why it is not."""

    MENTION = "it mentions the bot"
    REPLY = "it replies to the bot"
    CONVERSATION = "it is in a conversation with the bot"
    EVERY_MESSAGE = "everything here is for the bot"
    EVERY_PICTURE = "every picture here is for the bot"
    NO_PERSON = "no person wrote it"
    TO_SOMEONE_ELSE = "it replies to somebody else"
    NOT_ADDRESSED = "it does not address the bot"

    @property
    def answered(self) -> bool:
        """The message is for the bot."""
        return self not in (Verdict.NO_PERSON, Verdict.TO_SOMEONE_ELSE, Verdict.NOT_ADDRESSED)

    @property
    def meant(self) -> bool:
        """The message is for the bot because its author wanted that, not because of where it stands."""
        return self in (Verdict.MENTION, Verdict.REPLY, Verdict.CONVERSATION)


def address(message: Message, settings: ChannelSettings, own: bool) -> Verdict:
    """Decides by the message alone; `settings` are resolved, `own` is the place's `is_conversation`.

    Where everything is for the bot, a reply to another person is not, unless it mentions the bot: people
    talk to each other there as well. A reply to one's own message, or to one that is no longer there, says
    nothing about who is meant.
    """
    if message.origin is not Origin.PERSON:
        return Verdict.NO_PERSON
    if message.mentions_bot:
        return Verdict.MENTION
    if message.reply_to is not None and message.reply_to.to_bot:
        return Verdict.REPLY
    if message.place.kind in (PlaceKind.DIRECT, PlaceKind.WEB):
        return Verdict.CONVERSATION
    verdict = Verdict.NOT_ADDRESSED
    if own:
        verdict = Verdict.CONVERSATION
    elif settings.trigger is Trigger.EVERY_MESSAGE:
        verdict = Verdict.EVERY_MESSAGE
    elif settings.trigger is Trigger.EVERY_PICTURE and message.offers:
        verdict = Verdict.EVERY_PICTURE
    return Verdict.TO_SOMEONE_ELSE if verdict.answered and _replies_to_other(message) else verdict


def is_conversation(place: Place, own_thread: bool) -> bool:
    """Everything said in this place is said in a conversation with the bot."""
    return own_thread or place.kind in (PlaceKind.DIRECT, PlaceKind.WEB)


def _replies_to_other(message: Message) -> bool:
    replied_to = message.reply_to.message if message.reply_to is not None else None
    return replied_to is not None and replied_to.author.id != message.author.id
