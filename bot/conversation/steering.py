"""What is done with an answer that is there: once more, on, or back to an earlier one."""

from __future__ import annotations

from dataclasses import replace

from bot.conversation.admission import Admission
from bot.conversation.answering import Manner
from bot.conversation.places import Places
from bot.conversation.ports import Audience
from bot.conversation.requests import Refusal, Request, RequestState, can_regenerate
from bot.conversation.running import Runs
from bot.conversation.store import Store


class Steering:
    def __init__(self, store: Store, runs: Runs, admission: Admission, places: Places) -> None:
        self._store = store
        self._runs = runs
        self._admission = admission
        self._places = places

    async def regenerate(
        self, request_id: int, audience: Audience, *, language: str | None = None, exempt: bool = False
    ) -> Request | Refusal | None:
        """Answers once more, and differently; the answer that is there is kept as an earlier version.

        None if it is being answered, the question is gone, or there is no other answer.
        """
        request = await self._answered(request_id)
        outcome = await self._store.outcome(request_id) if request is not None else None
        if request is None or outcome is None or not can_regenerate(request, outcome):
            return None
        manner = replace(await self._places.manner(request.place, language), first=False, varied=True)
        return await self._again(request, audience, manner, keep=True, exempt=exempt)

    async def continue_answer(
        self, request_id: int, audience: Audience, *, language: str | None = None, exempt: bool = False
    ) -> Request | Refusal | None:
        """Goes on with an answer that ended by its length; None if there is none to go on with."""
        request = await self._answered(request_id)
        outcome = await self._store.outcome(request_id) if request is not None else None
        if request is None or outcome is None or not any(part.can_continue for part in outcome.parts):
            return None
        manner = await self._places.manner(request.place, language)
        manner = replace(manner, first=False, continued=outcome.parts)
        return await self._again(request, audience, manner, keep=False, exempt=exempt)

    async def show_version(
        self, request_id: int, version: int, audience: Audience, *, language: str | None = None
    ) -> bool:
        """Takes up another version of an answer, and shows it; False if there is none of this number."""
        if await self._answered(request_id) is None or not await self._store.show_version(
            request_id, version
        ):
            return False
        request = await self._answered(request_id)
        outcome = await self._store.outcome(request_id)
        if request is None or outcome is None:
            return False
        manner = await self._places.manner(request.place, language)
        await audience.view(request, manner.words).finish(outcome)
        return True

    async def _answered(self, request_id: int) -> Request | None:
        """None while it is being answered, and if it is forgotten."""
        if not await self._runs.settled(request_id):
            return None
        request = await self._store.request_of_question(request_id)
        return None if request is None or request.state is RequestState.FORGOTTEN else request

    async def _again(
        self, request: Request, audience: Audience, manner: Manner, *, keep: bool, exempt: bool
    ) -> Request | Refusal | None:
        async def accept() -> Request | None:
            if self._runs.has(request.id):
                return None
            reopened = await self._store.reopen_request(request.id, keep=keep)
            # Somebody may have pressed twice.
            return None if self._runs.has(request.id) else self._runs.add(reopened, audience, manner)

        return await self._admission.admit(request.asker, request.place, accept, manner.words, exempt=exempt)
