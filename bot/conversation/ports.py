"""What the core needs from the rooms around it, beside a store: who fetches photos and who shows answers."""

from __future__ import annotations

from typing import Protocol

from bot.conversation.messages import PhotoOffer, Place, SkippedPhoto, StoredPhoto
from bot.conversation.requests import Outcome, Request
from bot.languages.words import Words


class PhotoFetcher(Protocol):
    async def fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        """The offer as a picture ready to be stored, or why not; never raises for what the sender did."""
        ...


class ReplyView(Protocol):
    """Where one answer is shown.

    One call at a time, in this order: any number of `waiting` and `update`, then `finish` and `recorded`, or
    `suspend`, once.
    Calls may be slow; nothing waits for them while generating. An exception is logged, and after one from
    `waiting` or `update` only the last call still comes. After one from `finish` it is called again, and
    if it fails for minutes, the request is left owed; so it does not raise where trying again is no use.
    A view of a request that has `answer_ids` goes on in those messages. It tells the store of each
    message it posts by `Store.add_answer_message`.
    """

    async def waiting(self, place_in_line: int) -> None:
        """The request waits; 1 is next. Not called if it is the only one.

        Often text follows within a moment, so a view may wait a little before it shows this.
        """
        ...

    async def update(self, text: str) -> None:
        """All of the answer so far; only the latest counts, so a view may skip some."""
        ...

    async def finish(self, outcome: Outcome) -> None:
        """The final text, which may be empty, and below it the notes. Of an earlier version, the only call.

        If the outcome is FORGOTTEN, the question is gone, and what was shown of the answer shall go too.
        """
        ...

    async def recorded(self) -> None:
        """What was finished is in the history: with the outcome's `thread_name` a thread is opened.

        Not before, as somebody may ask on in it at once.
        """
        ...

    async def suspend(self) -> None:
        """The program ends before the answer does: stop typing, leave what was shown.

        The request is still owed; after the next start another view of it goes on.
        """
        ...


class Audience(Protocol):
    """One kind of chat, such as Discord or the browser."""

    def serves(self, place: Place) -> bool:
        """Whether the place is in this chat: the store may hold those of several."""
        ...

    def view(self, request: Request, words: Words) -> ReplyView:
        """Where the answer to this request is to be shown; called once for each time it is answered."""
        ...
