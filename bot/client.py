"""The Discord client: what it hears of Discord, what it may never do, and its cogs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import aiohttp
import discord
from discord.ext import commands
from discord.webhook.async_ import async_context

from bot.bridge.address import DiscordAddress
from bot.bridge.api import ApiClient, ApiWebhookAdapter
from bot.bridge.audience import DiscordAudience
from bot.bridge.buttons import AnswerButton
from bot.bridge.commands import Commands
from bot.bridge.convert import Converter
from bot.bridge.decisions import DecisionButton
from bot.bridge.pacing import EDIT_INTERVAL_S, Pacer
from bot.bridge.panel import PanelPart
from bot.bridge.state import State
from bot.cogs.all import cogs_of
from bot.cogs.catch_up import CatchUp
from bot.conversation.service import ReplyService
from bot.conversation.store import Store

log = logging.getLogger(__name__)

SILENT_S = 100.0
"""Two of the heartbeats that Discord asks for, and some seconds."""


class IdeficsClient(commands.AutoShardedBot):
    """A logged-in bot, whose safe defaults hold for everything that it sends.

    Sharded by what Discord asks for; a small bot has one shard. Unlike the plain client this one also begins
    a new session at the API's own gateway after an invalid one.
    """

    http: ApiClient
    tree: Commands

    def __init__(
        self,
        *,
        service: ReplyService,
        store: Store,
        address: DiscordAddress | None = None,
        ping_author: bool = True,
        message_content: bool = True,
        edit_interval_s: float = EDIT_INTERVAL_S,
        shard_count: int | None = None,
        http_trace: aiohttp.TraceConfig | None = None,
        policy_url: str | None = None,
    ) -> None:
        """
        Args:
            message_content: ask for the privileged intent.
            shard_count: unset, Discord says it.
            policy_url: where whoever runs the bot says what is kept and why.
        """
        self._http_trace = http_trace
        self._events: set[asyncio.Task[None]] = set()
        self.address = address or DiscordAddress()
        super().__init__(
            command_prefix=commands.when_mentioned,
            tree_cls=Commands,
            help_command=None,
            intents=discord.Intents(
                guilds=True,
                guild_messages=True,
                dm_messages=True,
                guild_reactions=True,
                dm_reactions=True,
                message_content=message_content,
            ),
            allowed_mentions=discord.AllowedMentions(
                everyone=False, users=False, roles=False, replied_user=ping_author
            ),
            # Raw events bring all that is needed; what was said is in the store.
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            shard_count=shard_count,
            shard_connect_timeout=30.0,
        )
        self.service = service
        self.policy_url = policy_url
        self.store = store
        self.audience = DiscordAudience(
            self, store, Pacer(edit_interval_s), ping_author, mentions=self.tree.mentions
        )

    def _get_state(self, **options: Any) -> Any:
        # Here, because everything that the library builds after this takes the HTTP client from it.
        self.http = ApiClient(self.loop, self.address, self._http_trace)
        return State(
            dispatch=self.dispatch, handlers=self._handlers, hooks=self._hooks, http=self.http, **options
        )

    def _schedule_event(
        self, coro: Callable[..., Coroutine[Any, Any, Any]], event_name: str, *args: Any, **kwargs: Any
    ) -> asyncio.Task[None]:
        task = super()._schedule_event(coro, event_name, *args, **kwargs)
        self._events.add(task)
        task.add_done_callback(self._events.discard)
        return task

    async def close(self) -> None:
        """Ends the connection, and with it what was begun for events: the next start reads them again."""
        await super().close()
        late = self._events - {asyncio.current_task()}
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    @property
    def own_id(self) -> int:
        """The bot's user id; there is none before the login."""
        assert self.user is not None
        return self.user.id

    @property
    def converter(self) -> Converter:
        assert self.user is not None
        return Converter(self.user, self.address)

    def is_receiving(self) -> bool:
        """Logged in, and Discord's events come in."""
        return self.is_ready() and not any(shard.is_closed() for shard in self.shards.values())

    def turn(self, place_id: int, message_id: int) -> AbstractAsyncContextManager[None]:
        """For what comes in: begins when everything before it in its place is taken in."""
        cog = self.get_cog("CatchUp")
        assert isinstance(cog, CatchUp)
        return cog.turn(place_id, message_id)

    async def forget_message(self, place_id: int, message_id: int) -> None:
        """A message was deleted: nothing of it is kept, and what Discord still shows of its answer goes too.

        Left there, it would tell of a picture that somebody wanted gone, under buttons that can do nothing.
        """
        request = await self.store.request_of_question(message_id)
        request = request or await self.store.request_of_answer(message_id)
        await self.service.erasing.deleted(message_id)
        for answer_id in request.answer_ids if request is not None else ():
            if answer_id == message_id:
                continue
            try:
                await self.http.delete_message(place_id, answer_id)
            except discord.NotFound:
                log.debug("Message %s was gone already", answer_id)
            except discord.HTTPException as error:
                log.info("Cannot delete message %s: %s", answer_id, error)

    def hears(self) -> bool:
        """Every shard has had something from Discord lately; if nothing happens, a heartbeat's answer."""
        return bool(self.shards) and all(_silent_seconds(shard) < SILENT_S for shard in self.shards.values())

    def change(self, *, ping_author: bool, policy_url: str | None) -> None:
        """For answers that begin from now on; see `__init__`."""
        self.policy_url = policy_url
        self.audience = replace(self.audience, ping_author=ping_author)
        assert self.allowed_mentions is not None
        self.allowed_mentions = self.allowed_mentions.merge(discord.AllowedMentions(replied_user=ping_author))

    async def setup_hook(self) -> None:
        if not self.address.is_discords_own:
            # Holds for this task and those it starts, so for this client alone.
            async_context.set(ApiWebhookAdapter(self.address))
        self.add_dynamic_items(AnswerButton, PanelPart, DecisionButton)
        for cog in cogs_of(self):
            await self.add_cog(cog)
        try:
            await self.register_commands()
        except discord.HTTPException:
            log.exception("The commands could not be registered; the next start tries again")

    async def register_commands(self, *, anew: bool = False) -> bool:
        """As `Commands.register`, for this application at its Discord."""
        return await self.tree.register(
            f"{self.application_id} {self.address.api_url}", self.store, anew=anew
        )

    async def on_message(self, message: discord.Message, /) -> None:
        """There are no commands in messages: the cogs listen by themselves."""


def _silent_seconds(shard: discord.ShardInfo) -> float:
    # The library keeps this to notice dead connections, and tells it to nobody.
    keep_alive = getattr(shard._parent.ws, "_keep_alive", None)
    return float("inf") if keep_alive is None else time.perf_counter() - float(keep_alive._last_recv)
