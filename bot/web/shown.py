"""Questions and answers as a page is sent them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.conversation.messages import Photo
from bot.conversation.requests import Outcome, Request, RequestState, can_regenerate


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

    request: Request
    state: RequestState = RequestState.WAITING
    text: str = ""
    place_in_line: int = 0
    """0: it need not wait."""
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None

    @classmethod
    def recorded(cls, request: Request, outcome: Outcome | None) -> Answer:
        """As the store has it."""
        if outcome is None:
            return cls(request, request.state)
        return cls(request, request.state, outcome.text, notes=outcome.notes, outcome=outcome)

    def shown(self) -> dict[str, Any]:
        outcome = self.outcome
        parts = outcome.parts if outcome is not None else ()
        return {
            "request": str(self.request.id),
            "state": self.state.value,
            "text": self.text,
            "place": self.place_in_line,
            "notes": list(self.notes),
            "speed": _speed(outcome),
            "rankings": [part.ranked for part in parts if part.ranked],
            "continues": any(part.can_continue for part in parts),
            "regenerates": outcome is not None and can_regenerate(self.request, outcome),
            "version": self.request.version,
            "versions": self.request.versions,
        }


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
