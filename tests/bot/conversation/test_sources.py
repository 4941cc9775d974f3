"""Where a setting comes from."""

from __future__ import annotations

from bot.conversation.channel_settings import ChannelSettings, Mode, Trigger
from bot.conversation.sources import Source, resolved, source_of
from tests.bot.conversation.chats import CHANNEL, DIRECT, THREAD


def test_thread_before_channel_before_server_before_default() -> None:
    layers = [
        ChannelSettings(temperature=0.0),
        ChannelSettings(mode=Mode.STORY, temperature=1.0),
        ChannelSettings(mode=Mode.CAPTION, trigger=Trigger.EVERY_PICTURE, labels=()),
    ]
    found = resolved(THREAD, layers, ChannelSettings(max_new_tokens=7))
    assert found.settings.temperature == 0.0
    assert found.settings.mode is Mode.STORY
    assert found.settings.trigger is Trigger.EVERY_PICTURE
    assert found.settings.max_new_tokens == 7
    names = ("temperature", "mode", "trigger", "labels", "max_new_tokens", "streaming")
    assert [found.origins[name] for name in names] == [
        Source.THREAD,
        Source.CHANNEL,
        Source.SERVER,
        Source.SERVER,
        Source.DEFAULT,
        Source.DEFAULT,
    ]


def test_what_a_scope_is() -> None:
    assert [source_of(scope, THREAD) for scope in THREAD.scopes] == [
        Source.THREAD,
        Source.CHANNEL,
        Source.SERVER,
    ]
    assert [source_of(scope, CHANNEL) for scope in CHANNEL.scopes] == [Source.CHANNEL, Source.SERVER]
    assert [source_of(scope, DIRECT) for scope in DIRECT.scopes] == [Source.CHANNEL]
