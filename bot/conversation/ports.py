"""What the core needs from the rooms around it: a store, and those who fetch photos and show answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.conversation.channel_settings import ChannelSettings, Mode
from bot.conversation.keeping import AnswerStore, ExampleStore, Part
from bot.conversation.messages import (
    Message,
    Person,
    Photo,
    PhotoOffer,
    Place,
    Remembered,
    Scope,
    SkippedPhoto,
)
from bot.conversation.personal import PersonalStore
from bot.languages.words import Words


class RequestState(StrEnum):
    """WAITING and RUNNING are owed: after a restart they are answered."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Request:
    """An answer that is owed or was given to a message."""

    id: int
    """The question's: a message is answered once."""
    question_id: int
    place: Place
    asker: Person
    state: RequestState
    answer_ids: tuple[int, ...] = ()
    """The bot's messages that hold the answer, first to last; one from the moment it is posted."""
    notes: tuple[str, ...] = ()
    """Sentences for the asker, whatever the answer: such as which picture cannot be used, and why."""
    failure: str | None = None
    """Why there is nothing to ask the model; the notes say it to the asker."""
    taken_up: bool = False
    """It was accepted before the program started: some of its answer may be shown without being recorded."""
    mode: Mode | None = None
    """Of this question alone; None: as is set for the place."""
    version: int = 1
    """Which of its answers this is, the oldest being 1."""
    versions: int = 1
    """How many there are; earlier ones can be shown again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended and what it took."""

    state: RequestState
    text: str
    token_ids: tuple[int, ...] = ()
    finish_reason: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    queued_seconds: float = 0.0
    """From the acceptance to the start of the work."""
    first_token_seconds: float = 0.0
    """From the start of the work to the first piece of text."""
    total_seconds: float = 0.0
    """From the start of the work to the end of the answer."""
    error: str | None = None
    """Of a FAILED one: what went wrong, for the log and the record; what people read is in the notes."""
    notes: tuple[str, ...] = ()
    """Sentences for the asker below the text: the request's, that it was stopped, what went wrong.

    Without text there is at least one, unless the outcome is FORGOTTEN.
    """
    parts: tuple[Part, ...] = ()
    """What `text` consists of, one part for each picture; none of an answer that failed."""
    mode: Mode | None = None
    """In which it was answered."""
    thread_name: str | None = None
    """A thread of this name (100 characters at most) shall be opened from the question, and adopted."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    photo: Photo
    data: bytes
    """A WebP or PNG file, at most 768 pixels on its longer side."""


class Store(ExampleStore, AnswerStore, PersonalStore, Protocol):
    """What is remembered. Every method is one short transaction, and repeating it is harmless."""

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

    async def add_answer_message(self, request_id: int, message_id: int) -> None:
        """Another of the bot's messages holds a part of the answer."""
        ...

    async def finish_request(self, request_id: int, outcome: Outcome) -> None:
        """Records the outcome and, if there is text, the bot's message with it, in one transaction.

        The bot's message has the first answer id, and the question as its `reply_to_id`. An answer that could
        not be shown has no answer id: it is recorded with the request only.
        """
        ...

    async def owed_requests(self) -> list[tuple[Request, Message]]:
        """Requests that were accepted and are not over, oldest first, with their questions."""
        ...

    async def request_of_answer(self, message_id: int) -> Request | None:
        """The request that one of the bot's messages belongs to."""
        ...

    async def request_of_question(self, message_id: int) -> Request | None:
        """The request for an answer to this message."""
        ...

    async def was_asked_in(self, place_id: int) -> bool:
        """Something was asked in this place, whatever became of it."""
        ...

    async def outcome(self, request_id: int) -> Outcome | None:
        """How the request ended last, for those who show it again; None while it is owed."""
        ...

    async def reopen_request(self, request_id: int, *, keep: bool) -> Request:
        """The request is owed again, its answer is not in the history any more.

        `keep`: the answer, if there was one, is kept as an earlier version; else the next takes its place.
        """
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

    async def photo_data(self, sha256: str) -> bytes | None: ...

    async def shows_photo(self, place_id: int, sha256: str) -> bool:
        """A message in this place shows the picture."""
        ...

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

    async def clear_history(self, place_id: int, at: int) -> None:
        """Messages with ids up to `at` no longer count for the model."""
        ...

    async def forget_message(self, message_id: int) -> None:
        """The message and, of a question, its answer are gone, with pictures that nobody else holds."""
        ...

    async def remove_answer_message(self, message_id: int) -> None:
        """One of the bot's messages no longer holds a part of its answer; the answer itself stays."""
        ...

    async def forget_place(self, place_id: int) -> None:
        """A channel with its threads, or a thread, is gone from the chat: so is all that was said there."""
        ...

    async def forget_server(self, server_id: int) -> None:
        """The bot is no longer in the server: all of its places are gone, and its settings."""
        ...

    async def seen_places(self) -> list[tuple[Place, int]]:
        """Every place that messages were recorded from, with the id of the newest message looked at there."""
        ...

    async def mark_seen(self, place_id: int, message_id: int) -> None:
        """Messages up to this one were looked at; recording one marks it too. Unknown places stay unknown."""
        ...


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message that is for the bot gets no answer, as one sentence for its author."""

    sentence: str
