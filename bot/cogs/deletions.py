"""Messages that were deleted while nobody listened: a new session does not tell of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.bridge.absence import PAGE, Since, read_page
from bot.bridge.errors import Code
from bot.bridge.permissions import missing_to_reply
from bot.conversation.messages import Place
from bot.store.errors import StoreError

if TYPE_CHECKING:
    from bot.client import IdeficsClient

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""Between two requests: however much is kept, others come first."""
_AFTER_ALL = 2**63 - 1


class Deletions:
    """Compares what is kept with what is there, in each place from its newest message back to the first."""

    def __init__(self, client: IdeficsClient) -> None:
        self.client = client
        self._unchecked: dict[int, tuple[Place, int]] = {}
        """Places, and the message before which they are still to be looked at."""

    def expect(self, place: Place) -> None:
        """Something may have been deleted there, up to now."""
        self._unchecked[place.id] = (place, _AFTER_ALL)

    async def known(self, place: Place) -> list[int]:
        """The newest messages of a place that is about to be read anyway; for `notice_in`."""
        self._unchecked.pop(place.id, None)
        return await self.client.store.message_ids(place.id, _AFTER_ALL, PAGE)

    async def notice_in(self, place: Place, known: list[int], since: Since) -> None:
        """What is `known` and was not read was deleted; what is older is looked at later."""
        await self._notice(place, known, since.read, since.back_to)

    @property
    def left(self) -> bool:
        """Something is still to be looked at."""
        return bool(self._unchecked)

    async def notice_everywhere(self) -> None:
        """Takes a second for every hundred messages; places that cannot be looked at now are left."""
        failed: dict[int, tuple[Place, int]] = {}
        while self._unchecked:
            place, before = self._unchecked.pop(next(iter(self._unchecked)))
            try:
                if await self._look(place, before):
                    await asyncio.sleep(PAUSE_S)
            except discord.Forbidden as error:
                log.info("Cannot look for deletions in channel %s: %s", place.id, error)
            except (discord.HTTPException, aiohttp.ClientError, TimeoutError, StoreError):
                log.exception("What was deleted in channel %s is looked for again later", place.id)
                failed[place.id] = (place, before)
        # One that a new session wants looked at from its newest message on stays so.
        self._unchecked = failed | self._unchecked

    async def _look(self, place: Place, before: int) -> bool:
        """Whether Discord was asked; a place that is gone is forgotten."""
        known = await self.client.store.message_ids(place.id, before, PAGE)
        if not known or not self._may_be_read(place):
            return False
        try:
            page = await read_page(self.client.audience.channel(place), before=max(known) + 1)
        except discord.NotFound as error:
            if error.code == Code.UNKNOWN_CHANNEL:
                await self.client.service.erasing.place_deleted(place.id)
            return True
        await self._notice(place, known, {message.id for message in page.messages}, page.back_to)
        return True

    async def _notice(self, place: Place, known: list[int], there: set[int], back_to: int) -> None:
        for message_id in sorted(known):
            missing = message_id >= back_to and message_id not in there
            if missing and await self._is_gone(place, message_id):
                log.info("Message %s was deleted meanwhile", message_id)
                await self.client.forget_message(place.id, message_id)
        oldest = min(known, default=0)
        if len(known) == PAGE or (known and oldest < back_to):
            # Unless a new session began meanwhile, which has all of it looked at again.
            self._unchecked.setdefault(place.id, (place, max(oldest, back_to)))

    async def _is_gone(self, place: Place, message_id: int) -> bool:
        """Asks for the message itself: what was said just now, a history may not show yet."""
        try:
            await self.client.http.get_message(place.id, message_id)
        except discord.NotFound:
            return True
        return False

    def _may_be_read(self, place: Place) -> bool:
        """Where the history may not be read, Discord shows an empty one."""
        if place.server_id is None:
            return True
        around = (self.client.get_channel(id) for id in (place.id, place.parent_id) if id is not None)
        channel = next((one for one in around if one is not None), None)
        return channel is not None and not missing_to_reply(channel)
