"""The messages that hold one answer: created, edited and deleted until they show what they should."""

from __future__ import annotations

import io
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import discord

from bot.bridge.buttons import Controls, buttons
from bot.bridge.errors import Code
from bot.bridge.lost_messages import find_lost, leave_word
from bot.conversation.messages import created_at
from bot.conversation.requests import Request
from bot.conversation.store import Store

log = logging.getLogger(__name__)

Channel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.PartialMessageable
)

EDITABLE_FOR = timedelta(minutes=59)
"""Edits of messages older than an hour have a limit of their own."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to an answer; `description` is for those who do not see it."""

    name: str
    data: bytes
    description: str

    def file(self) -> discord.File:
        return discord.File(io.BytesIO(self.data), self.name, description=self.description)


@dataclass(slots=True)
class _Part:
    message: discord.PartialMessage
    content: str | None = None
    controls: Controls | None = None
    """Its buttons."""
    files: tuple[Attached, ...] | None = None
    """None: not known."""
    ours: bool = False
    """It was posted by this object."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a part shall be."""

    content: str
    controls: Controls | None = None
    files: tuple[Attached, ...] = ()

    def changes_files_of(self, part: _Part) -> bool:
        """While an answer is written, an earlier one's files stay."""
        is_final = self.controls is None or self.controls.finished
        return is_final and part.files != self.files


@dataclass(slots=True)
class AnswerMessages:
    """`show` makes the chat show the answer. After `gone` it does nothing: nobody wants or may see it."""

    channel: Channel
    request: Request
    store: Store
    ping_author: bool
    own_id: int
    nonce_salt: str
    now: Callable[[], datetime]
    can_reply: bool = True
    gone: bool = False
    _parts: list[_Part] = field(init=False)
    _looked_for_lost: bool = False

    def __post_init__(self) -> None:
        ids = self.request.answer_ids
        self._parts = [_Part(self.channel.get_partial_message(message_id)) for message_id in ids]

    @property
    def is_shown(self) -> bool:
        return bool(self._parts)

    async def show(
        self, contents: Sequence[str], controls: Controls, files: tuple[Attached, ...] = ()
    ) -> None:
        """One message per content, files and buttons under the last.

        Raises:
            discord.HTTPException: Discord refused it for a reason that is not a person's doing.
        """
        if self.request.taken_up and not self._parts and not self._looked_for_lost:
            await self._find_lost()
            self._looked_for_lost = True
        for index, content in enumerate(contents):
            if self.gone:
                return
            wanted = _Wanted(content)
            if index == len(contents) - 1:
                wanted = _Wanted(content, controls, files)
            if index < len(self._parts):
                await self._edit(index, wanted)
            if index >= len(self._parts) and not self.gone:
                await self._create(index, wanted)
        if not self.gone:
            await self._delete_from(len(contents))

    async def delete(self) -> None:
        await self._delete_from(0)
        self.gone = True

    async def _find_lost(self) -> None:
        lost = await find_lost(self.channel, self.request, self.own_id)
        if lost is not None:
            self._parts.append(_Part(self.channel.get_partial_message(lost), ours=True))
            await self.store.add_answer_message(self.request.id, lost)

    def _view(self, controls: Controls | None) -> discord.ui.View | None:
        return None if controls is None else buttons(self.request, controls)

    async def _create(self, index: int, wanted: _Wanted) -> None:
        if index == 0:
            await leave_word(self.request, self.store, self.now())
        reference = None
        if index == 0 and self.can_reply:
            reference = discord.MessageReference(
                message_id=self.request.id,
                channel_id=self.channel.id,
                guild_id=self.request.place.server_id,
            )
        try:
            message = await self._send(index, wanted, reference)
        except discord.HTTPException as error:
            if error.code == Code.REPLYING_NEEDS_HISTORY:
                self.can_reply = False
                message = await self._send(index, wanted, None)
            elif error.code == Code.INVALID_FORM and "message_reference" in error.text:
                log.info("The question %s is gone, so its answer is not posted", self.request.id)
                self.gone = True
                return
            elif error.code == Code.THREAD_ARCHIVED:
                self._leave_closed()
                return
            else:
                self.gone = isinstance(error, discord.Forbidden | discord.NotFound)
                raise
        posted = self.channel.get_partial_message(message.id)
        part = _Part(posted, wanted.content, wanted.controls, wanted.files, ours=True)
        self._parts.append(part)
        await self.store.add_answer_message(self.request.id, message.id)
        if message.content != wanted.content.strip():
            # It was there already, posted by this program before it ended, with what there was to say then.
            part.content = None
            await self._edit(index, wanted)

    async def _send(
        self, index: int, wanted: _Wanted, reference: discord.MessageReference | None
    ) -> discord.Message:
        mentions = discord.AllowedMentions.none()
        mentions.replied_user = self.ping_author
        # The library sends enforce_nonce with it: asked for twice, also by two processes, it is one message.
        nonce = f"{self.request.id:x}{self.nonce_salt}{index:02d}"
        options: dict[str, Any] = {}
        if reference is not None:
            options["reference"] = reference
        if (view := self._view(wanted.controls)) is not None:
            options["view"] = view
        if wanted.files:
            options["files"] = [attached.file() for attached in wanted.files]
        return await self.channel.send(wanted.content, nonce=nonce, allowed_mentions=mentions, **options)

    async def _edit(self, index: int, wanted: _Wanted) -> None:
        part = self._parts[index]
        same_text = (part.content, part.controls) == (wanted.content, wanted.controls)
        if same_text and not wanted.changes_files_of(part):
            return
        if self.now() - created_at(part.message.id) > EDITABLE_FOR:
            await self._delete_from(index)
            return
        try:
            await self._write(part, wanted)
        except discord.HTTPException as error:
            if error.code == Code.UNKNOWN_MESSAGE:
                await self._is_missing(index)
            elif error.code == Code.TOO_MANY_EDITS_OF_AN_OLD_MESSAGE:
                await self._delete_from(index)
            elif error.code == Code.THREAD_ARCHIVED:
                if await self._is_reopened():
                    await self._write(part, wanted)
            else:
                self.gone = isinstance(error, discord.Forbidden | discord.NotFound)
                raise

    async def _is_reopened(self) -> bool:
        """Opens an archived thread again, unless it was locked as well."""
        if isinstance(self.channel, discord.Thread):
            try:
                await self.channel.edit(archived=False)
            except discord.Forbidden as error:
                log.info("Thread %s cannot be opened again: %s", self.channel.id, error)
            else:
                return True
        self._leave_closed()
        return False

    def _leave_closed(self) -> None:
        log.info("Thread %s is closed, so nothing more is shown of an answer there", self.channel.id)
        self.gone = True

    async def _write(self, part: _Part, wanted: _Wanted) -> None:
        options: dict[str, Any] = {}
        if wanted.changes_files_of(part):
            options["attachments"] = [attached.file() for attached in wanted.files]
            part.files = wanted.files
        await part.message.edit(
            content=wanted.content,
            view=self._view(wanted.controls),
            allowed_mentions=discord.AllowedMentions.none(),
            **options,
        )
        part.content, part.controls = wanted.content, wanted.controls

    async def _is_missing(self, index: int) -> None:
        """Deleted while the answer was written, it is unwanted; deleted before, what follows it is stale."""
        if self._parts[index].ours:
            self.gone = True
        else:
            await self._delete_from(index)

    async def _delete_from(self, index: int) -> None:
        if len(self._parts) > index:
            # With the nonce of a message that is gone, Discord might take the next one for that.
            self.nonce_salt = secrets.token_hex(2)
        while len(self._parts) > index:
            message = self._parts.pop().message
            # First, so that the deletion is not taken for a person's wish that the answer shall go.
            await self.store.remove_answer_message(message.id)
            with suppress(discord.NotFound):
                await message.delete()
