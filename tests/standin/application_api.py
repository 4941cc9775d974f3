"""HTTP: the application itself, its commands, and where the gateway is."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.standin import wire
from tests.standin.gateway import GUILD_MEMBERS, MESSAGE_CONTENT, PRESENCES, Gateway
from tests.standin.rest import API, CALL
from tests.standin.world import World

FLAGS = {PRESENCES: 1 << 13, GUILD_MEMBERS: 1 << 15, MESSAGE_CONTENT: 1 << 19}
"""Application flags by intent: granted, for a bot in few servers."""


class ApplicationApi:
    def __init__(self, world: World, gateway: Gateway, allowed_intents: int) -> None:
        self.commands: list[dict[str, Any]] = []
        """Slash and context-menu commands, as last registered."""
        self._world = world
        self._gateway = gateway
        self._allowed_intents = allowed_intents

    def routes(self) -> list[web.RouteDef]:
        commands = f"{API}/applications/{{application_id}}/commands"
        return [
            web.get(f"{API}/users/@me", self.me),
            web.get(f"{API}/users/@me/guilds", self.servers),
            web.get(f"{API}/applications/@me", self.application),
            web.get(f"{API}/oauth2/applications/@me", self.application),
            web.get(commands, self.list_commands),
            web.put(commands, self.register),
            web.get(f"{API}/gateway", self.where),
            web.get(f"{API}/gateway/bot", self.where),
        ]

    async def me(self, request: web.Request) -> web.Response:
        return web.json_response(wire.own_user(self._world.bot))

    async def servers(self, request: web.Request) -> web.Response:
        return web.json_response([wire.partial_server(server) for server in self._world.servers])

    async def application(self, request: web.Request) -> web.Response:
        bot = self._world.bot
        granted = [flag for intent, flag in FLAGS.items() if intent & self._allowed_intents]
        data = {
            "id": str(bot.id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "owner": wire.user(self._world.servers[0].owner if self._world.servers else bot),
            "team": None,
            "flags": sum(granted),
            "bot": wire.user(bot),
            "approximate_guild_count": len(self._world.servers),
        }
        return web.json_response(data)

    async def where(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        gateway = self._gateway
        return web.json_response({"url": gateway.url, "shards": gateway.shards, "session_start_limit": limit})

    async def list_commands(self, request: web.Request) -> web.Response:
        return web.json_response(self.commands)

    async def register(self, request: web.Request) -> web.Response:
        ids = {(each["name"], each["type"]): each["id"] for each in self.commands}
        self.commands = []
        for given in request[CALL].body:
            kind = given.get("type", 1)
            command = {
                "description": "",
                "default_member_permissions": None,
                "nsfw": False,
                **given,
                "type": kind,
                "id": ids.get((given["name"], kind)) or str(self._world.new_id()),
                "application_id": str(self._world.bot.id),
                "version": str(self._world.new_id()),
            }
            self.commands.append(command)
        return web.json_response(self.commands)
