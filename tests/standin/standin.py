"""A stand-in for Discord on loopback: one application's HTTP API v10, gateway and media, for tests.

async with StandIn() as discord:
    server = discord.add_server()
    channel = discord.add_channel(server)
    alice = discord.add_person("Alice")
    # ... start a client with discord.api_url and discord.token
    await discord.wait_until_connected()
    question = await alice.send(channel, f"{discord.bot.mention} what is this?", pictures=[png])
    reply = await discord.wait_for_message(reply_to=question)
    await alice.click(reply, "Stop")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web

from tests.standin import wire
from tests.standin.application_api import ApplicationApi
from tests.standin.changes import Changes
from tests.standin.channels_api import ChannelsApi
from tests.standin.faults import Fault
from tests.standin.gateway import MESSAGE_CONTENT, PRIVILEGED, Gateway
from tests.standin.interactions import InteractionsApi
from tests.standin.media import Media
from tests.standin.messages_api import MessagesApi
from tests.standin.people import Person
from tests.standin.permissions import EVERYONE, Overwrite, Permission
from tests.standin.rest import API, Call, Limit, Surroundings
from tests.standin.things import TEXT, Account, Channel, Message, Role, Server, Snowflakes
from tests.standin.world import World

Found = TypeVar("Found")
TIMEOUT = 30.0
"""Seconds that a test waits for something: ten times what a busy machine needs."""


class StandIn:
    """Runs while its `async with` lasts, and ends with AssertionError if a request was not as it should be.

    `message_content`: the application was granted the message-content intent.
    """

    def __init__(self, *, message_content: bool = True) -> None:
        allowed = PRIVILEGED if message_content else PRIVILEGED & ~MESSAGE_CONTENT
        new_id = Snowflakes()
        servers: list[Server] = []
        self.bot = Account(new_id(), "Idefics", is_bot=True)
        self.token = f"{self.bot.id}.standin.token"
        self.changes = Changes()
        self.gateway = Gateway(self.bot, self.token, servers, self.changes, allowed)
        self.world = World(self.bot, servers, self.gateway, new_id)
        self.api_url = ""
        self._around = Surroundings(self.token, self.changes)
        self._application = ApplicationApi(self.world, self.gateway, allowed)
        self.interactions = InteractionsApi(self.world, self.gateway)
        app = web.Application(middlewares=[self._around.middleware], client_max_size=64 << 20)
        app.add_routes([web.get("/gateway", self.gateway.serve), web.get("/resume", self.gateway.serve)])
        for part in (
            self._application,
            MessagesApi(self.world, sees_content=message_content),
            ChannelsApi(self.world),
            self.interactions,
            Media(self.world),
        ):
            app.add_routes(part.routes())
        # What still hangs on purpose at the end is cancelled at once.
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, access_log=None)

    async def __aenter__(self) -> StandIn:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host = "{}:{}".format(*self._runner.addresses[0])
        self.world.media_url = f"http://{host}"
        self.api_url = f"http://{host}{API}"
        self.gateway.url = f"ws://{host}/gateway"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        if kind is None:
            assert not self.problems, "\n".join(self.problems)

    # What there is

    def add_server(self, name: str = "Testers", *, bot_permissions: Permission = EVERYONE) -> Server:
        """With everybody in it; people may do the usual (`EVERYONE`)."""
        new_id = self.world.new_id
        owner = Account(new_id(), "Owner")
        self.world.accounts[owner.id] = owner
        server = Server(new_id(), name, owner)
        server.roles = [
            Role(server.id, "@everyone", EVERYONE),
            Role(new_id(), self.bot.name, bot_permissions, managed=True),
        ]
        server.members = {account: [] for account in self.world.accounts.values()}
        server.members[self.bot] = [server.roles[1]]
        self.world.servers.append(server)
        self.gateway.emit("GUILD_CREATE", lambda _: wire.server(server, self.bot), server=server)
        return server

    def add_channel(self, server: Server, name: str = "pictures", *, kind: int = TEXT) -> Channel:
        place = Channel(self.world.new_id(), kind, name, server=server)
        server.channels.append(place)
        self.world.channels[place.id] = place
        self.world.announce_channel("CHANNEL_CREATE", place)
        return place

    def add_person(self, name: str, *, extra: Permission = Permission.NONE) -> Person:
        """`extra`: what this person may do beyond the usual, in every server."""
        person = Person(self.world.new_id(), name, self)
        self.world.accounts[person.id] = person
        for server in self.world.servers:
            role = Role(self.world.new_id(), f"{name}'s", extra)
            server.roles.append(role)
            server.members[person] = [role]
        return person

    def deny(self, place: Channel, account: Account, what: Permission) -> None:
        """From now on the account may not do this in the channel and its threads."""
        place.overwrites[account.id] = Overwrite(for_account=True, deny=what)
        self.world.announce_channel("CHANNEL_UPDATE", place)

    @property
    def commands(self) -> list[dict[str, Any]]:
        """What the bot registered."""
        return self._application.commands

    # What goes wrong

    def fail(self, method: str, path: str, fault: Fault, *, times: int = 1) -> None:
        """The next `times` requests whose path holds the regular expression `path` go wrong in this way."""
        self._around.faults.add(method, path, fault, times)

    @property
    def struck(self) -> Counter[str]:
        """How many requests went wrong in each way."""
        return self._around.faults.struck

    @property
    def limit(self) -> Limit:
        """Of messages created, and of edits, per channel."""
        return self._around.limits.limit

    # What the client did

    @property
    def problems(self) -> list[str]:
        return self._around.problems

    def calls(self, method: str = "", route: str = "") -> list[Call]:
        """Requests so far, of one kind if named: `calls("POST", "/channels/{channel_id}/messages")`."""
        return [
            call
            for call in self._around.calls
            if (not method or call.method == method) and (not route or call.route == route)
        ]

    def by_bot(self, place: Channel | None = None) -> list[Message]:
        """The bot's messages as they stand, oldest first."""
        places = [place] if place is not None else self.world.channels.values()
        found = [one for each in places for one in each.messages.values() if one.author is self.bot]
        return sorted(found, key=lambda one: one.id)

    async def wait_for(self, look: Callable[[], Found], what: str = "", *, within: float = TIMEOUT) -> Found:
        """The first true value of `look`, which is tried again after everything that happens."""

        def account() -> str:
            lines = [f"not within {within:g} s: {what}", *self.problems]
            lines += ["The bot's messages:", *map(repr, self.by_bot())]
            lines += ["The gateway's:", *self.gateway.log[-10:]]
            lines += ["The last requests:", *map(repr, self._around.calls[-15:])]
            return "\n".join(lines)

        return await self.changes.until(look, within, account)

    async def wait_until_connected(self, *, within: float = TIMEOUT) -> None:
        """The client is identified, or has resumed, and gets events."""
        await self.wait_for(lambda: self.gateway.connections, "the client connects", within=within)

    async def wait_for_message(
        self,
        *,
        place: Channel | None = None,
        reply_to: Message | None = None,
        after: Message | None = None,
        where: Callable[[Message], bool] = lambda _: True,
        within: float = TIMEOUT,
    ) -> Message:
        """The bot's first message that fits; it goes on changing with the bot's edits."""

        def look() -> Message | None:
            for message in self.by_bot(place):
                replies = reply_to is None or message.reference == (reply_to.channel.id, reply_to.id)
                if replies and (after is None or message.id > after.id) and where(message):
                    return message
            return None

        found = await self.wait_for(look, "a message of the bot's", within=within)
        assert found is not None
        return found
