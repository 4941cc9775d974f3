"""What tests of the stand-in share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from tests.standin.plain_client import PlainClient
from tests.standin.standin import StandIn
from tests.standin.things import Channel, Message

CREATE = ("POST", "/channels/{channel_id}/messages")
"""The request that creates a message."""
Story = Callable[[StandIn, Channel], Awaitable[None]]


def tell(story: Story, **settings: Any) -> None:
    """Runs the story on a stand-in with one server and one channel."""

    async def main() -> None:
        async with asyncio.timeout(30), StandIn(**settings) as standin:
            await story(standin, standin.add_channel(standin.add_server()))

    asyncio.run(main())


async def heard(standin: StandIn, client: PlainClient, message: Message) -> discord.Message:
    """The message as the client received it."""

    def look() -> list[discord.Message]:
        return [one for one in client.of("message") if one.id == message.id]

    return (await standin.wait_for(look, "the client hears the message"))[0]
