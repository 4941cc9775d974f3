"""How a request ended, as columns of its row."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.channel_settings import Mode
from bot.conversation.requests import Outcome, Part, RequestState
from bot.store.tables import RequestRow

OWED = (RequestState.WAITING, RequestState.RUNNING)

FIGURES = (
    "text",
    "finish_reason",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "queued_seconds",
    "first_token_seconds",
    "total_seconds",
    "error",
)
"""What an `Outcome` and a row of `requests` have under the same name, in the same form."""

NO_OUTCOME: dict[str, Any] = {
    **dict.fromkeys((*FIGURES, "token_ids", "notes", "parts", "mode")),
    "device_failures": 0,
}

OUTCOME = TypeAdapter(Outcome)
_PARTS = TypeAdapter(tuple[Part, ...])


def columns_of(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "token_ids": list(outcome.token_ids),
        "notes": list(outcome.notes),
        "parts": _PARTS.dump_python(outcome.parts, mode="json"),
        "mode": outcome.mode,
        **{name: getattr(outcome, name) for name in FIGURES},
    }


async def outcome_of(connection: AsyncConnection, request_id: int) -> Outcome | None:
    """None while it is owed, or if there is no such request."""
    query = select(RequestRow.__table__).where(RequestRow.id == request_id, RequestRow.state.not_in(OWED))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.state == RequestState.FORGOTTEN:
        return Outcome(RequestState.FORGOTTEN, "")
    return Outcome(
        RequestState(row.state),
        token_ids=tuple(row.token_ids),
        notes=tuple(row.notes or ()),
        parts=_PARTS.validate_python(row.parts or ()),
        mode=None if row.mode is None else Mode(row.mode),
        **{name: getattr(row, name) for name in FIGURES},
    )
