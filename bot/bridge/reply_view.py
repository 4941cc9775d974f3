"""One answer as it is shown in Discord."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import discord

from bot.bridge.answer_messages import AnswerMessages, Attached
from bot.bridge.bars import can_be_drawn, described, draw_bars
from bot.bridge.buttons import Controls
from bot.bridge.commands import MESSAGE_LIMIT
from bot.bridge.errors import may_pass
from bot.bridge.mentions import CommandMentions
from bot.bridge.pacing import Pacer
from bot.bridge.permissions import listed, missing_for_files, missing_for_threads
from bot.bridge.threads import open_thread
from bot.conversation.channel_settings import Mode
from bot.conversation.requests import Outcome, RequestState, can_regenerate
from bot.conversation.splitting import split
from bot.languages.words import Words

log = logging.getLogger(__name__)

TYPING_AFTER_S = 0.25
"""Shorter work shows its answer instead."""
TYPING_EVERY_S = 8.0
"""Discord shows it for ten seconds."""
LINE_AFTER_S = 1.0
"""Who waits for less is not told of the line."""


class DiscordReplyView:
    """A `ReplyView`: typing, or the place in line, until there is text; then a reply that grows by edits."""

    def __init__(
        self,
        messages: AnswerMessages,
        pacer: Pacer,
        words: Words,
        mentions: CommandMentions,
        notes: Sequence[str] = (),
    ) -> None:
        """`notes` are sentences of its own for the asker."""
        self._words = words
        self._mentions = mentions
        self._messages = messages
        self._channel = messages.channel
        self._pacer = pacer
        self._notes = list(notes)
        self._place: int | None = None
        self._thread_name: str | None = None
        self._writing = asyncio.Lock()
        self._silence = asyncio.create_task(self._fill_silence(), name=f"typing {messages.request.id}")

    async def waiting(self, place_in_line: int) -> None:
        self._place = place_in_line
        if self._messages.is_shown:
            await self._show_if_due(self._line(place_in_line))

    async def update(self, text: str) -> None:
        if text.strip():
            await self._end_silence()
            await self._show_if_due(text)

    async def finish(self, outcome: Outcome) -> None:
        await self._end_silence()
        if outcome.state is RequestState.FORGOTTEN:
            await self._messages.delete()
            return
        thread_name = outcome.thread_name
        notes = [*map(self._mentions.within, outcome.notes), *self._notes]
        if thread_name is not None and (names := missing_for_threads(self._channel)):
            notes.append(
                self._words(
                    "Ask on by replying: for a thread I need {permissions} here.",
                    permissions=listed(names, self._words),
                )
            )
            thread_name = None
        if self._messages.is_shown:
            await self._pacer.wait(self._channel.id)
        else:
            self._pacer.take(self._channel.id)
        try:
            files = () if missing_for_files(self._channel) else await _files(outcome, self._words)
            await self._messages.show(final_contents(outcome.text, notes), self._controls(outcome), files)
        except discord.HTTPException as error:
            if may_pass(error):
                raise
            log.warning("Discord refuses the answer to message %s", self._messages.request.id, exc_info=True)
            # Such as a word that the server's rules do not allow; where nothing may be shown, nothing is.
            await self._say_refused(error)
            return
        self._thread_name = thread_name

    async def _say_refused(self, refusal: discord.HTTPException) -> None:
        said = self._words(
            "Discord does not let me show my answer here ({reason}).", reason=refusal.text or refusal.code
        )
        try:
            await self._messages.show([said[:MESSAGE_LIMIT]], Controls(finished=True, words=self._words))
        except discord.HTTPException as error:
            if may_pass(error):
                raise
            log.warning("Nor may that be said under message %s: %s", self._messages.request.id, error)

    async def recorded(self) -> None:
        if self._thread_name is not None and not self._messages.gone:
            await open_thread(self._channel, self._messages.request, self._thread_name, self._messages.store)

    async def suspend(self) -> None:
        await self._end_silence()

    async def _show_if_due(self, text: str) -> None:
        # The first text is shown at once; a later one may be skipped, as the next one replaces it.
        due = self._pacer.take(self._channel.id)
        if due or not self._messages.is_shown:
            await self._messages.show(split(text, MESSAGE_LIMIT), Controls(finished=False, words=self._words))

    def _controls(self, outcome: Outcome) -> Controls:
        done = outcome.state is RequestState.DONE
        return Controls(
            finished=True,
            can_regenerate=can_regenerate(self._messages.request, outcome),
            can_continue=done and any(part.can_continue for part in outcome.parts),
            can_accept=done and outcome.mode is Mode.CAPTION and bool(outcome.text),
            words=self._words,
        )

    def _line(self, place: int) -> str:
        return self._words("In line: place {place}.", place=self._words.number(place))

    async def _end_silence(self) -> None:
        # A message that is just being posted must be known before anything else is shown.
        async with self._writing:
            self._silence.cancel()

    async def _fill_silence(self) -> None:
        try:
            await asyncio.sleep(TYPING_AFTER_S)
            if self._place in (None, 1):
                await self._channel.typing()
            await asyncio.sleep(LINE_AFTER_S - TYPING_AFTER_S)
            while self._place is None:
                await asyncio.sleep(TYPING_EVERY_S)
                await self._channel.typing()
            async with self._writing:
                if not self._messages.is_shown:
                    self._pacer.take(self._channel.id)
                    controls = Controls(finished=False, words=self._words)
                    await self._messages.show([self._line(self._place)], controls)
        except discord.HTTPException as error:
            log.info("Nothing can be shown in channel %s yet: %s", self._channel.id, error)
        except Exception:
            log.exception("The wait for an answer cannot be shown")


async def _files(outcome: Outcome, words: Words) -> tuple[Attached, ...]:
    """Bars of what was weighed."""
    ranked = [part for part in outcome.parts if part.ranked]
    if not ranked or not can_be_drawn(ranked):
        return ()
    data = await asyncio.to_thread(draw_bars, ranked, words)
    return (Attached("labels.png", data, described(ranked, words)),)


def final_contents(text: str, notes: Sequence[str]) -> list[str]:
    """The messages of a finished answer: the text, and below it the notes in small print."""
    if not text.strip():
        return split("\n".join(notes), MESSAGE_LIMIT)
    contents = split(text, MESSAGE_LIMIT)
    small_print = "\n".join(f"-# {note}" for note in notes)
    if not small_print:
        return contents
    if len(contents[-1]) + 1 + len(small_print) <= MESSAGE_LIMIT:
        return [*contents[:-1], f"{contents[-1]}\n{small_print}"]
    return [*contents, *split(small_print, MESSAGE_LIMIT)]
