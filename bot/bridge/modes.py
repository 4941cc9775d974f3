"""The modes as people read of them."""

from __future__ import annotations

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.languages.words import Words, marked

DOES = {
    Mode.CHAT: marked("talks about pictures, and goes on talking"),
    Mode.CAPTION: marked("describes each picture in a sentence"),
    Mode.PROMPTED_CAPTION: marked("goes on from the channel's prefix"),
    Mode.VQA: marked("answers a question about the picture in a few words"),
    Mode.CLASSIFY: marked("picks one of the channel's labels"),
    Mode.FEW_SHOT: marked("answers in the manner of the channel's examples"),
    Mode.STORY: marked("makes up a story from the picture"),
}


def missing(settings: ChannelSettings, examples: int, words: Words) -> str | None:
    """What the mode still needs, as a sentence."""
    if settings.mode is Mode.CLASSIFY and not settings.labels:
        return words("It has nothing to choose from yet: give it labels with /labels set.")
    if settings.mode is Mode.FEW_SHOT and not examples:
        return words("It has nothing to follow yet: give it examples with /examples add.")
    return None
