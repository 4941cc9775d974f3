"""What is asked of the bot, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.channel_settings import Mode
from bot.conversation.messages import Person, Place


class RequestState(StrEnum):
    """WAITING and RUNNING are owed: after a restart they are answered."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Part:
    """The answer about one picture; in a conversation that is about none or one, the whole answer."""

    text: str
    token_ids: tuple[int, ...] = ()
    """As generated; none of a label, or of an answer that was stopped."""
    finish_reason: str = ""
    ranked: tuple[tuple[str, float], ...] = ()
    """Labels with their probabilities, best first, where labels were weighed."""

    @property
    def can_continue(self) -> bool:
        """It ended because it had become long enough."""
        return self.finish_reason == "length" and bool(self.token_ids)


@dataclass(frozen=True, slots=True)
class Request:
    """An answer that is owed or was given to a message."""

    id: int
    """The question's: a message is answered once."""
    place: Place
    asker: Person
    state: RequestState
    answer_ids: tuple[int, ...] = ()
    """The bot's messages that hold the answer, first to last; one from the moment it is posted."""
    notes: tuple[str, ...] = ()
    """Sentences for the asker, whatever the answer: such as which picture cannot be used, and why."""
    failure: str | None = None
    """Why there is nothing to ask the model; the notes say it to the asker."""
    device_failures: int = 0
    """How often the model's device failed for good while it was being answered; the program ended then."""
    taken_up: bool = False
    """It was accepted before the program started: some of its answer may be shown without being recorded."""
    expected_after: int | None = None
    """If some of its answer is shown without being recorded, that is perhaps by a message after this id."""
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


def can_regenerate(request: Request, outcome: Outcome) -> bool:
    """Asking once more can bring another answer: not if nothing can be asked, or if labels were weighed."""
    was_ranked = bool(outcome.parts) and all(part.ranked for part in outcome.parts)
    return request.failure is None and not was_ranked


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message that is for the bot gets no answer, as one sentence for its author."""

    sentence: str
