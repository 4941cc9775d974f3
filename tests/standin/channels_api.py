"""HTTP: channels, threads, typing, reactions, direct messages, servers and members."""

from __future__ import annotations

from aiohttp import web

from tests.standin import permissions, wire
from tests.standin.errors import MISSING_ACCESS, MISSING_PERMISSIONS, ApiError, invalid, unknown
from tests.standin.permissions import Permission
from tests.standin.rest import API, CALL
from tests.standin.things import Account, Channel, Message, Server
from tests.standin.world import World


def need(world: World, place: Channel, *wanted: Permission) -> None:
    """Refuses what the bot may not do in the channel."""
    granted = permissions.in_channel(world.bot, place)
    if Permission.VIEW_CHANNEL not in granted:
        raise ApiError(*MISSING_ACCESS)
    if any(each not in granted for each in wanted):
        raise ApiError(*MISSING_PERMISSIONS)


def channel_of(world: World, request: web.Request) -> Channel:
    place = world.channels.get(int(request.match_info["channel_id"]))
    if place is None:
        raise unknown("channel")
    need(world, place)
    return place


def message_of(world: World, request: web.Request) -> Message:
    message = channel_of(world, request).messages.get(int(request.match_info["message_id"]))
    if message is None:
        raise unknown("message")
    return message


class ChannelsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        channel, guild = f"{API}/channels/{{channel_id}}", f"{API}/guilds/{{guild_id}}"
        reaction = f"{channel}/messages/{{message_id}}/reactions/{{emoji_name}}/@me"
        return [
            web.get(channel, self.get),
            web.patch(channel, self.change),
            web.post(f"{channel}/typing", self.acknowledge),
            web.post(f"{channel}/threads", self.open_thread),
            web.post(f"{channel}/messages/{{message_id}}/threads", self.open_thread_from_message),
            web.put(f"{channel}/thread-members/@me", self.join),
            web.delete(f"{channel}/thread-members/@me", self.leave),
            web.get(f"{channel}/threads/archived/public", self.archived),
            web.put(reaction, self.react),
            web.delete(reaction, self.react),
            web.post(f"{API}/users/@me/channels", self.open_direct_channel),
            web.get(f"{API}/users/{{user_id}}", self.user),
            web.get(guild, self.server),
            web.get(f"{guild}/channels", self.server_channels),
            web.get(f"{guild}/threads/active", self.active_threads),
            web.get(f"{guild}/members/{{user_id}}", self.member),
        ]

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(wire.channel(channel_of(self._world, request), self._world.bot))

    async def change(self, request: web.Request) -> web.Response:
        """Threads alone: rename, archive, lock. Their owner may do the first two."""
        thread, body = channel_of(self._world, request), request[CALL].body
        owner = thread.is_thread and thread.owner is self._world.bot and not body.get("locked")
        if not owner:
            need(self._world, thread, Permission.MANAGE_THREADS)
        thread.name = body.get("name", thread.name)
        self._world.archive(
            thread, archived=body.get("archived", thread.archived), locked=body.get("locked", thread.locked)
        )
        return web.json_response(wire.channel(thread, self._world.bot))

    async def acknowledge(self, request: web.Request) -> web.Response:
        place = channel_of(self._world, request)
        in_thread = Permission.SEND_MESSAGES_IN_THREADS
        need(self._world, place, in_thread if place.is_thread else Permission.SEND_MESSAGES)
        return web.Response(status=204)

    async def react(self, request: web.Request) -> web.Response:
        need(self._world, message_of(self._world, request).channel, Permission.ADD_REACTIONS)
        return web.Response(status=204)

    async def open_thread(self, request: web.Request) -> web.Response:
        return self._open_thread(request, channel_of(self._world, request), None)

    async def open_thread_from_message(self, request: web.Request) -> web.Response:
        message = message_of(self._world, request)
        return self._open_thread(request, message.channel, message)

    def _open_thread(self, request: web.Request, place: Channel, starter: Message | None) -> web.Response:
        need(self._world, place, Permission.CREATE_PUBLIC_THREADS)
        name = request[CALL].body["name"]
        if not 1 <= len(name) <= 100:
            raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        thread = self._world.open_thread(place, self._world.bot, name, starter)
        return web.json_response(wire.channel(thread, self._world.bot), status=201)

    async def join(self, request: web.Request) -> web.Response:
        thread = channel_of(self._world, request)
        if self._world.bot not in thread.joined:
            thread.joined.append(self._world.bot)
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        thread = channel_of(self._world, request)
        if self._world.bot in thread.joined:
            thread.joined.remove(self._world.bot)
        return web.Response(status=204)

    async def archived(self, request: web.Request) -> web.Response:
        place = channel_of(self._world, request)
        need(self._world, place, Permission.READ_MESSAGE_HISTORY)
        assert place.server is not None
        return self._threads([one for one in place.server.threads if one.parent is place and one.archived])

    async def active_threads(self, request: web.Request) -> web.Response:
        return self._threads([one for one in self._server(request).threads if not one.archived])

    def _threads(self, threads: list[Channel]) -> web.Response:
        bot = self._world.bot
        shown = [one for one in threads if permissions.in_channel(bot, one)]
        members = [wire.thread_member(one, bot) for one in shown if bot in one.joined]
        data = {"threads": [wire.channel(one, bot) for one in shown], "members": members, "has_more": False}
        return web.json_response(data)

    async def open_direct_channel(self, request: web.Request) -> web.Response:
        person = self._account(request[CALL].body["recipient_id"])
        return web.json_response(wire.channel(self._world.direct_channel(person), self._world.bot))

    async def user(self, request: web.Request) -> web.Response:
        return web.json_response(wire.user(self._account(request.match_info["user_id"])))

    async def member(self, request: web.Request) -> web.Response:
        server, account = self._server(request), self._account(request.match_info["user_id"])
        if account not in server.members:
            raise unknown("user")
        return web.json_response(wire.full_member(account, server))

    async def server(self, request: web.Request) -> web.Response:
        return web.json_response(wire.server(self._server(request), self._world.bot))

    async def server_channels(self, request: web.Request) -> web.Response:
        return web.json_response(wire.server(self._server(request), self._world.bot)["channels"])

    def _account(self, id_: str) -> Account:
        account = self._world.accounts.get(int(id_))
        if account is None:
            raise unknown("user")
        return account

    def _server(self, request: web.Request) -> Server:
        id_ = int(request.match_info["guild_id"])
        for server in self._world.servers:
            if server.id == id_:
                return server
        raise unknown("guild")
