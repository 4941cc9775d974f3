"""The core's own sentences for the person who asked."""

from __future__ import annotations

from bot.conversation.budget import MAX_PICTURES
from bot.conversation.intake import Fetched
from bot.conversation.messages import SkippedPhoto
from bot.languages.words import Sentence, Words, marked, sentence
from inference.errors import EngineError, InferenceError, QueueFullError

NOTHING_SAID = marked("Write a question or send a picture with it, and I will answer.")
NO_ANSWER = marked("I have nothing to say about that: try other words, or another picture.")
STOPPED = marked("Stopped.")
STOPPED_EARLY = marked("Stopped before there was an answer.")
MODEL_DOWN = marked("I cannot answer at the moment; your question is kept, and I answer it as soon as I can.")
UNABLE = marked("I cannot write anything down at the moment, so I cannot answer: ask again later.")
OUR_FAILURE = marked("Something went wrong on my side, and it has been written to the log: try once more.")


def about_skipped(skipped: SkippedPhoto, words: Words) -> str:
    """That a picture cannot be used, and why."""
    name = skipped.name if isinstance(skipped.name, str) else words.said(skipped.name)
    return words("I could not use {name}. {reason}", name=name, reason=words.said(skipped.reason))


def about_error(error: InferenceError) -> Sentence:
    """What the model says to the asker; of what went wrong with itself, the log has the details."""
    is_own = isinstance(error, EngineError) and not isinstance(error, QueueFullError)
    return sentence(OUR_FAILURE) if is_own else Sentence(error.message, error.values)


def about_pictures(fetched: Fetched, words: Words) -> list[str]:
    """Which pictures are not looked at, and why."""
    notes = [about_skipped(skipped, words) for skipped in fetched.skipped]
    if fetched.left_out:
        notes.append(words("I looked at the first {most} pictures only.", most=MAX_PICTURES))
    return notes
