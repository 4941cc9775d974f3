from __future__ import annotations

from dataclasses import replace

import pytest

from bot.conversation.addressing import Verdict, address, is_conversation
from bot.conversation.channel_settings import DEFAULTS, ChannelSettings, Trigger, resolve
from bot.conversation.messages import Origin, Place, PlaceKind, Reference
from tests.bot.conversation.chats import ANNA, BEN, BOT, CHANNEL, DIRECT, THREAD, Clock

EVERY_MESSAGE = resolve([ChannelSettings(trigger=Trigger.EVERY_MESSAGE)])
EVERY_PICTURE = resolve([ChannelSettings(trigger=Trigger.EVERY_PICTURE)])
WEB = Place(5, PlaceKind.WEB)


def test_what_is_said_to_the_bot(clock: Clock) -> None:
    said = clock.message("hello", place=CHANNEL)
    answer = clock.message("hi", place=CHANNEL, author=BOT, origin=Origin.SELF)
    assert address(replace(said, mentions_bot=True), DEFAULTS, False) is Verdict.MENTION
    # A reply counts whether it pings the bot or not, and whether the chat sent the answer along or not.
    assert address(clock.message("and?", place=CHANNEL, reply_to=answer), DEFAULTS, False) is Verdict.REPLY
    unknown = replace(said, reply_to=Reference(answer.id, to_bot=True))
    assert address(unknown, DEFAULTS, False) is Verdict.REPLY
    assert address(said, DEFAULTS, False) is Verdict.NOT_ADDRESSED
    assert not Verdict.NOT_ADDRESSED.answered


@pytest.mark.parametrize("place", [DIRECT, WEB])
def test_direct_messages_and_the_browser_are_conversations(clock: Clock, place: Place) -> None:
    assert is_conversation(place, own_thread=False)
    own_words = clock.message("hello", place=place)
    for message in (own_words, clock.message("this", place=place, reply_to=own_words)):
        assert address(message, DEFAULTS, True) is Verdict.CONVERSATION


def test_a_thread_is_a_conversation_if_it_is_the_bots(clock: Clock) -> None:
    message = clock.message("and why?", place=THREAD)
    assert address(message, DEFAULTS, is_conversation(THREAD, own_thread=True)) is Verdict.CONVERSATION
    assert address(message, DEFAULTS, is_conversation(THREAD, own_thread=False)) is Verdict.NOT_ADDRESSED
    assert not is_conversation(CHANNEL, own_thread=False)


def test_triggers(clock: Clock) -> None:
    text = clock.message("hello", place=CHANNEL)
    picture = clock.message("", "red", place=CHANNEL)
    assert address(text, EVERY_MESSAGE, False) is Verdict.EVERY_MESSAGE
    assert address(text, EVERY_PICTURE, False) is Verdict.NOT_ADDRESSED
    assert address(picture, EVERY_PICTURE, False) is Verdict.EVERY_PICTURE
    assert address(picture, DEFAULTS, False) is Verdict.NOT_ADDRESSED


def test_people_talk_to_each_other_too(clock: Clock) -> None:
    bens = clock.message("I think it is a cat", "red", place=THREAD, author=BEN)
    to_ben = clock.message("no, a dog", "red", place=THREAD, reply_to=bens)
    assert address(to_ben, DEFAULTS, True) is Verdict.TO_SOMEONE_ELSE
    assert address(to_ben, EVERY_MESSAGE, False) is Verdict.TO_SOMEONE_ELSE
    assert address(to_ben, EVERY_PICTURE, False) is Verdict.TO_SOMEONE_ELSE
    assert not Verdict.TO_SOMEONE_ELSE.answered
    assert address(replace(to_ben, mentions_bot=True), DEFAULTS, True) is Verdict.MENTION
    # Going on from one's own message, or from one that was deleted, is no talk with others.
    to_herself = clock.message("this one", place=THREAD, reply_to=replace(bens, author=ANNA))
    to_nothing = replace(to_ben, reply_to=Reference(bens.id, to_bot=False))
    for message in (to_herself, to_nothing):
        assert address(message, DEFAULTS, True) is Verdict.CONVERSATION


@pytest.mark.parametrize("origin", sorted(set(Origin) - {Origin.PERSON}), ids=str)
def test_only_people_are_answered(clock: Clock, origin: Origin) -> None:
    message = clock.message("hello", "red", origin=origin, mentions_bot=True)
    assert address(message, EVERY_MESSAGE, True) is Verdict.NO_PERSON
    assert not Verdict.NO_PERSON.answered
