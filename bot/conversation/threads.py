"""When an answer opens a thread."""

from __future__ import annotations

from bot.conversation.channel_settings import ChannelSettings, Threads
from bot.conversation.messages import Place, PlaceKind
from bot.conversation.title import title
from bot.languages.words import ENGLISH, Words


def thread_name(
    place: Place, settings: ChannelSettings, question: str, *, pictures: bool, words: Words = ENGLISH
) -> str | None:
    """The name of the thread to open after the first answer to `question`; None if there shall be none.

    `pictures`: the question was about pictures that came with it or with the message it replies to.
    """
    if place.kind is not PlaceKind.CHANNEL:
        return None
    wanted = settings.threads is Threads.ALWAYS or (settings.threads is Threads.PHOTO and pictures)
    return title(question, words) if wanted else None
