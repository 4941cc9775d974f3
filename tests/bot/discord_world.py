"""The Discord side in a simulated Discord: the real client, service and store, with a scripted engine."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import discord
import simcord
from PIL import Image
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle

from bot.client import IdeficsClient
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.limits import Limits
from bot.conversation.messages import PhotoOffer, SkippedPhoto, StoredPhoto
from bot.conversation.photos import normalise
from bot.conversation.service import ReplyService
from bot.languages.words import sentence
from bot.store.repository import SqlStore
from tests.fake_engine import FakeEngine, Script


@dataclass
class World:
    env: simcord.Env
    client: IdeficsClient
    service: ReplyService
    store: SqlStore
    engine: FakeEngine
    guild: GuildHandle
    channel: ChannelHandle
    alice: MemberActor
    bob: MemberActor

    @property
    def mention(self) -> str:
        return f"<@{self.client.own_id}>"

    async def ask(self, text: str = "what is this?", *pictures: bytes, **options: Any) -> discord.Message:
        """Alice's question in the channel, with a mention."""
        attachments = [(f"{number}.png", data) for number, data in enumerate(pictures)]
        return await self.alice.send(
            self.channel, f"{self.mention} {text}", attachments=attachments, **options
        )

    def answers(self, channel: ChannelHandle | None = None) -> list[discord.Message]:
        """What the bot has said there, oldest first."""
        written = (discord.MessageType.default, discord.MessageType.reply)
        return [
            each
            for each in (channel or self.channel).history()
            if each.author.id == self.client.own_id and each.type in written
        ]

    def thread(self) -> ChannelHandle:
        (thread,) = self.channel.threads
        return thread

    def labels(self, message: discord.Message) -> list[str]:
        """Of the buttons under it."""
        return [
            button.label or ""
            for row in message.components
            if isinstance(row, discord.ActionRow)
            for button in row.children
            if isinstance(button, discord.Button)
        ]

    def answer(self, channel: ChannelHandle | None = None) -> discord.Message:
        (message,) = self.answers(channel)
        return message

    def requests(self, method: str, ending: str) -> list[Any]:
        """The bodies of the bot's requests to Discord with this method and end of the path."""
        return [
            each.json
            for each in self.env.http_requests
            if each.method == method and each.path.rstrip("/").endswith(ending)
        ]

    def event(self) -> asyncio.Event:
        """For the engine's script: the answer stops there until it is set, and the bot counts as settled."""
        return _Outside(self.env)

    async def release(self, event: asyncio.Event) -> None:
        event.set()
        await self.env.settle()

    async def restart(self, **options: Any) -> None:
        """Another process: a new client and service on the same store."""
        self.service = await _service(self)
        self.client = _client(self, **options)
        await self.env.restart_bot(self.client)


class _Outside(asyncio.Event):
    def __init__(self, env: simcord.Env) -> None:
        super().__init__()
        self._env = env

    async def wait(self) -> Literal[True]:
        await self._env.external_wait(super().wait(), reason="the model")
        return True


class CdnFetcher:
    """Pictures from the simulated Discord, which has no server to fetch them from."""

    def __init__(self) -> None:
        self.world: World | None = None

    async def fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        assert self.world is not None
        data = self.world.env.backend.cdn.get(offer.url)
        if data is None:
            return SkippedPhoto(offer.name, sentence("It is not there."))
        return normalise(data, offer.name)


def picture(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(file, "PNG")
    return file.getvalue()


@asynccontextmanager
async def opened(
    folder: Path,
    *answers: Script,
    limits: Limits | None = None,
    defaults: ChannelSettings | None = None,
    approved_intents: discord.Intents | None = None,
    engine: Any = None,
    **options: Any,
) -> AsyncIterator[World]:
    """A world with one server and one channel in it; `options` are the client's.

    `engine`: another one than that which follows the script of `answers`.
    """
    fetcher = CdnFetcher()
    async with SqlStore.open(f"sqlite+aiosqlite:///{folder / 'test.sqlite3'}") as store:
        world = World.__new__(World)
        world.store, world.engine = store, engine or FakeEngine(*answers)
        world._made = lambda: ReplyService(  # type: ignore[attr-defined]
            store, fetcher, world.engine, limits or Limits(), defaults=defaults
        )
        world.service = await _service(world)
        world.client = _client(world, **options)
        async with simcord.run(world.client, approved_intents=approved_intents) as env:
            world.env = env
            fetcher.world = world
            world.guild = env.create_guild()
            world.channel = world.guild.create_text_channel("pictures")
            world.alice = world.guild.add_member(env.create_user("alice", global_name="Alice"))
            world.bob = world.guild.add_member(env.create_user("bob", global_name="Bob"))
            await env.settle()
            yield world
            await world.service.close(0)


async def _service(world: Any) -> ReplyService:
    service: ReplyService = world._made()
    await service.look_up_owed()
    return service


def _client(world: Any, **options: Any) -> IdeficsClient:
    options = {"edit_interval_s": 0.0, "shard_count": 1, **options}
    return IdeficsClient(service=world.service, store=world.store, **options)


Story = Callable[[World], Awaitable[None]]


def tell(folder: Path, story: Story, *answers: Script, **options: Any) -> None:
    """Runs the story in a world that ends with it; errors that the bot swallowed fail it."""

    async def main() -> None:
        async with asyncio.timeout(30), opened(folder, *answers, **options) as world:
            with world.env.time_context():
                await story(world)

    asyncio.run(main())
