"""What the core needs of a store; every method is one short transaction, and repeating it is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.keeping import AnnouncedStore, AnswerStore, ExampleStore
from bot.conversation.messages import Message, Place, Remembered, Scope, StoredPhoto
from bot.conversation.personal import PersonalStore
from bot.conversation.requests import Outcome, Request


class MessageStore(Protocol):
    """What was said, and the pictures in it."""

    async def record_message(
        self, message: Message, photos: Sequence[StoredPhoto], *, addressed: bool
    ) -> None:
        """A person's message with its pictures, each stored once however often it is sent.

        Recording it again, after an edit, replaces its text and pictures.
        """
        ...

    async def record_messages(self, said: Sequence[tuple[Message, Sequence[StoredPhoto]]]) -> None:
        """Messages that were not said to the bot, as `record_message` does: all or none."""
        ...

    async def history(self, place: Place, before: int, limit: int) -> list[Remembered]:
        """The place's newest `limit` messages with ids below `before`, oldest first, since its last reset.

        An answer stands right after its question, and counts by the question's id: it is often posted only
        after further messages have come in. A thread begins with the question and answer that it was opened
        from.
        """
        ...

    async def newest_with_photo(self, place: Place, before: int, within: int) -> list[Remembered]:
        """The newest of the `within` messages before that shows a picture, and its answer, if it has one.

        Where a thread has none, it is the question that it was opened from.
        """
        ...

    async def message(self, message_id: int) -> Remembered | None:
        """A message, or the answer that this message of the bot's holds a part of."""
        ...

    async def message_ids(self, place_id: int, before: int, limit: int) -> list[int]:
        """The newest `limit` messages below `before` of which something is kept in a place, in any order.

        Those that hold finished answers are among them, and those whose pictures examples show.
        """
        ...

    async def photo_data(self, sha256: str) -> bytes | None: ...

    async def shows_photo(self, place_id: int, sha256: str) -> bool:
        """A message in this place shows the picture."""
        ...

    async def clear_history(self, place_id: int, at: int) -> None:
        """Messages with ids up to `at` no longer count for the model."""
        ...

    async def forget_message(self, message_id: int) -> None:
        """The message and, of a question, its answer are gone, with pictures that nobody else holds."""
        ...


class RequestStore(Protocol):
    """What was asked, and answered."""

    async def open_request(
        self,
        message: Message,
        photos: Sequence[StoredPhoto],
        *,
        notes: Sequence[str] = (),
        failure: str | None = None,
    ) -> Request | None:
        """Records a question and opens the request for its answer: neither is ever there without the other.

        None if it has one already, whatever its state. `notes` and `failure` are the request's.
        """
        ...

    async def amend_request(
        self,
        message: Message,
        photos: Sequence[StoredPhoto],
        *,
        notes: Sequence[str] = (),
        failure: str | None = None,
    ) -> Request | None:
        """Records a question as it is after an edit, and its answer is owed again: both or neither.

        None if it has no request, or was forgotten.
        """
        ...

    async def start_request(self, request_id: int) -> None: ...

    async def count_device_failure(self, request_id: int) -> None:
        """The model's device failed for good, or hung, while this was being answered.

        It is counted until the question is asked anew.
        """
        ...

    async def expect_answer_message(self, request_id: int, after: int) -> None:
        """A message with a part of the answer is about to be posted, with an id above this one."""
        ...

    async def add_answer_message(self, request_id: int, message_id: int) -> None:
        """Another of the bot's messages holds a part of the answer."""
        ...

    async def remove_answer_message(self, message_id: int) -> None:
        """One of the bot's messages no longer holds a part of its answer; the answer itself stays."""
        ...

    async def finish_request(self, request_id: int, outcome: Outcome) -> None:
        """Records the outcome and, if there is text, the bot's message with it, in one transaction.

        The bot's message has the first answer id, and the question as its `reply_to_id`. An answer that could
        not be shown has no answer id: it is recorded with the request only.
        """
        ...

    async def reopen_request(self, request_id: int, *, keep: bool) -> Request:
        """The request is owed again, its answer is not in the history any more.

        `keep`: the answer, if there was one, is kept as an earlier version; else the next takes its place.
        """
        ...

    async def owed_requests(self) -> list[tuple[Request, Message]]:
        """Requests that were accepted and are not over, oldest first, with their questions."""
        ...

    async def request_of_question(self, message_id: int) -> Request | None:
        """The request for an answer to this message."""
        ...

    async def request_of_answer(self, message_id: int) -> Request | None:
        """The request that one of the bot's messages belongs to."""
        ...

    async def was_asked_in(self, place_id: int) -> bool:
        """Something was asked in this place, whatever became of it."""
        ...

    async def outcome(self, request_id: int) -> Outcome | None:
        """How the request ended last, for those who show it again; None while it is owed."""
        ...


class PlaceStore(Protocol):
    """Where things are said, and what is set there."""

    async def settings(self, place: Place) -> list[ChannelSettings]:
        """The place's own settings, then its channel's, then its server's."""
        ...

    async def change_settings(self, scope: Scope, settings: ChannelSettings) -> None:
        """Replaces what a thread, channel or server has set itself."""
        ...

    async def adopt_thread(self, thread: Place, request_id: int) -> None:
        """The thread is the bot's own and begins with that request's question and answer."""
        ...

    async def is_own_thread(self, place_id: int) -> bool: ...

    async def seen_places(self) -> list[tuple[Place, int]]:
        """Every place that messages were recorded from, with the id of the newest message looked at there."""
        ...

    async def seen_up_to(self, place_id: int) -> int:
        """The newest message that was looked at there; 0: none, the place is not known."""
        ...

    async def mark_seen(self, place_id: int, message_id: int) -> None:
        """Messages up to this one were looked at; recording one marks it too. Unknown places stay unknown."""
        ...

    async def forget_place(self, place_id: int) -> None:
        """A channel with its threads, or a thread, is gone from the chat: so is all that was said there."""
        ...

    async def servers(self) -> list[int]:
        """Every server of which anything is kept."""
        ...

    async def forget_server(self, server_id: int) -> None:
        """The bot is no longer in the server: all of its places are gone, and its settings."""
        ...


class Store(
    MessageStore,
    RequestStore,
    PlaceStore,
    ExampleStore,
    AnswerStore,
    AnnouncedStore,
    PersonalStore,
    Protocol,
):
    """All that is remembered."""
