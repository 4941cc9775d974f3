"""The core's own sentences for the person who asked."""

from __future__ import annotations

from bot.conversation.budget import MAX_PICTURES
from bot.conversation.intake import Fetched

NOTHING_SAID = "Write a question or send a picture with it, and I will answer."
NO_ANSWER = "I have nothing to say about that: try other words, or another picture."
STOPPED = "Stopped."
STOPPED_EARLY = "Stopped before there was an answer."
MODEL_DOWN = "I cannot answer at the moment; your question is kept, and I answer it as soon as I can."
OUR_FAILURE = "Something went wrong on my side, and it has been written to the log: try once more."


def about_pictures(fetched: Fetched) -> list[str]:
    """Which pictures are not looked at, and why."""
    notes = [f"I could not use {skipped.name}: {skipped.reason}." for skipped in fetched.skipped]
    if fetched.left_out:
        notes.append(f"I looked at the first {MAX_PICTURES} pictures only.")
    return notes
