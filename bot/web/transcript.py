"""A whole conversation as a page shows it: what the store has, and over it what is being written."""

from __future__ import annotations

from typing import Any

from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.messages import Place
from bot.conversation.store import Store
from bot.web.boards import Board
from bot.web.shown import Answer, Question

MOST_MESSAGES = 400
AFTER_ALL = 2**63 - 1
"""An id after all others."""


async def transcript(store: Store, board: Board, place: Place, settings: ChannelSettings) -> dict[str, Any]:
    """Questions with their answers, oldest first, and the settings, which are resolved, ready for JSON."""
    exchanges = []
    for message in await store.history(place, AFTER_ALL, MOST_MESSAGES):
        if message.by_bot:
            continue
        answer = board.answers.get(message.id) or await _recorded(store, message.id)
        question = Question(message.id, message.text, message.photos)
        exchanges.append(
            {"question": question.shown(), "answer": answer.shown() if answer is not None else None}
        )
    return {
        "exchanges": exchanges,
        "settings": {
            "mode": settings.mode,
            "labels": list(settings.labels or ()),
            "prefix": settings.prefix,
        },
    }


async def _recorded(store: Store, question_id: int) -> Answer | None:
    request = await store.request_of_question(question_id)
    return None if request is None else Answer.recorded(request, await store.outcome(request.id))
