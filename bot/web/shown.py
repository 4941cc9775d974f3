"""Questions and answers as a page is sent them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.conversation.messages import Photo
from bot.conversation.requests import Outcome, Part, Request, RequestState


@dataclass(slots=True)
class Question:
    id: int
    text: str
    photos: tuple[Photo, ...]

    def shown(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "text": self.text,
            "photos": [
                {"sha256": photo.sha256, "width": photo.width, "height": photo.height}
                for photo in self.photos
            ],
        }


@dataclass(slots=True)
class Answer:
    """The answer to a question as it is now."""

    request_id: int
    question_id: int
    state: RequestState = RequestState.WAITING
    text: str = ""
    place_in_line: int = 0
    """0: it need not wait."""
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None
    version: int = 1
    versions: int = 1

    def shown(self) -> dict[str, Any]:
        return {
            "request": str(self.request_id),
            "question": str(self.question_id),
            "state": self.state.value,
            "text": self.text,
            "place": self.place_in_line,
            "notes": list(self.notes),
            "speed": _speed(self.outcome),
            "rankings": [part.ranked for part in self._parts if part.ranked],
            "continues": any(part.can_continue for part in self._parts),
            "version": self.version,
            "versions": self.versions,
        }

    @property
    def _parts(self) -> tuple[Part, ...]:
        return self.outcome.parts if self.outcome is not None else ()

    @classmethod
    def of(cls, request: Request, outcome: Outcome | None = None) -> Answer:
        return cls(
            request.id,
            request.question_id,
            outcome=outcome,
            version=request.version,
            versions=request.versions,
        )

    @classmethod
    def recorded(cls, request: Request, outcome: Outcome | None) -> Answer:
        """As the store has it."""
        answer = cls.of(request, outcome)
        answer.state = request.state
        if outcome is not None:
            answer.text, answer.notes = outcome.text, outcome.notes
        return answer


def _speed(outcome: Outcome | None) -> dict[str, float | None] | None:
    if outcome is None or not outcome.completion_tokens:
        return None
    # The time until the first token is that of reading the prompt, so neither of the two counts.
    seconds = outcome.total_seconds - outcome.first_token_seconds
    further = outcome.completion_tokens - 1
    speed = further / seconds if further and seconds > 0 else None
    if speed is not None and seconds * further < outcome.first_token_seconds:
        # It came all at once, as an answer of several beams does: only the whole tells how fast it was.
        speed = outcome.completion_tokens / outcome.total_seconds
    return {
        "first_token_seconds": outcome.first_token_seconds,
        "tokens_per_second": speed,
        "tokens": outcome.completion_tokens,
    }
