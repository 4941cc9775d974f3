"""The gateway: sessions that outlive their connections, replayed on resume."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tests.standin import permissions, wire
from tests.standin.changes import Changes
from tests.standin.connection import Connection
from tests.standin.things import Account, Channel, Server

GUILDS, GUILD_MEMBERS, PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 12, 1 << 15
PRIVILEGED = GUILD_MEMBERS | PRESENCES | MESSAGE_CONTENT

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, INVALID, HELLO, ACK = (
    *range(5),
    6,
    7,
    9,
    10,
    11,
)
UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, WRONG_TOKEN, AUTHENTICATED = 4001, 4002, 4003, 4004, 4005
BAD_SEQUENCE, TIMED_OUT, BAD_INTENTS, FORBIDDEN_INTENTS = 4007, 4009, 4013, 4014


@dataclass(eq=False)
class Session:
    id: str
    intents: int
    shard: tuple[int, int] = (0, 1)
    """Its number, and how many there are."""
    events: list[tuple[str, str]] = field(default_factory=list)
    """Names and payloads, from sequence number 1 on: all are kept for a resume."""
    connection: Connection | None = None

    @property
    def sees_content(self) -> bool:
        return bool(self.intents & MESSAGE_CONTENT)

    def hears_of(self, server: Server | None) -> bool:
        """Each server has its shard; what is of no server comes to the first."""
        number, count = self.shard
        return (0 if server is None else server.id >> 22) % count == number

    def push(self, event: str, data: Any) -> None:
        payload = {"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": data}
        self.events.append((event, json.dumps(payload)))
        if self.connection is not None:
            self.connection.send_text(self.events[-1][1])


class Gateway:
    def __init__(
        self, bot: Account, token: str, servers: list[Server], changes: Changes, allowed_intents: int
    ) -> None:
        self.url = ""
        """Where `/gateway` sends clients, once the server listens; resumes go to `/resume` beside it."""
        self.heartbeat_interval = 41.25
        """Seconds."""
        self.patience = 82.5
        """Seconds of silence after which a client is cut off, however often its heart should beat: a machine
        may be held up for longer than a test wants to wait between two of them."""
        self.shards = 1
        """Into how many the bot is told to split itself."""
        self.refuse_resumes = False
        self.sessions: dict[str, Session] = {}
        self.log: list[str] = []
        """IDENTIFY, RESUME (accepted), RESUME refused, HEARTBEAT, in order, with the path they came in by."""
        self._bot = bot
        self._token = token
        self._servers = servers
        self._changes = changes
        self._allowed_intents = allowed_intents

    @property
    def connections(self) -> list[Connection]:
        return [session.connection for session in self.sessions.values() if session.connection is not None]

    def emit(
        self,
        event: str,
        build: Callable[[bool], Any],
        *,
        intents: int = GUILDS,
        server: Server | None = None,
        channel: Channel | None = None,
    ) -> None:
        """To each session that asked for one of the intents and may see the channel, connected or not.

        `build` is told whether the session sees the content of messages.
        """
        if channel is not None and not permissions.in_channel(self._bot, channel):
            return
        server = channel.server if channel is not None else server
        for session in self.sessions.values():
            if session.hears_of(server) and (not intents or session.intents & intents):
                session.push(event, build(session.sees_content))

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async with Connection(socket, request) as connection:
            connection.send({"op": HELLO, "d": {"heartbeat_interval": int(self.heartbeat_interval * 1000)}})
            await self._listen(connection, request.path)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            if socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):
                del self.sessions[session.id]
        await self._changes.announce()
        return socket

    async def _listen(self, connection: Connection, path: str) -> None:
        while True:
            try:
                message = await connection.socket.receive(timeout=self.patience)
            except TimeoutError:
                await connection.close(TIMED_OUT)
                return
            if message.type is not WSMsgType.TEXT:
                return
            try:
                payload = json.loads(message.data)
                operation, data = payload["op"], payload.get("d")
            except (ValueError, KeyError, TypeError):
                await connection.close(DECODE_ERROR)
                return
            problem = self._handle(connection, path, operation, data)
            await self._changes.announce()
            if problem is not None:
                await connection.close(problem)
                return

    def _handle(self, connection: Connection, path: str, operation: int, data: Any) -> int | None:
        """What one payload does; the code to close with, if it is wrong."""
        if operation == HEARTBEAT:
            self.log.append(f"HEARTBEAT {path}")
            connection.send({"op": ACK})
        elif operation == IDENTIFY:
            return self._identify(connection, path, data)
        elif operation == RESUME:
            return self._resume(connection, path, data)
        elif connection.session is None:
            return NOT_AUTHENTICATED
        elif operation not in (PRESENCE, VOICE):
            return UNKNOWN_OPCODE
        return None

    def _identify(self, connection: Connection, path: str, data: Any) -> int | None:
        if connection.session is not None:
            return AUTHENTICATED
        if data["token"] != self._token:
            return WRONG_TOKEN
        intents = data["intents"]
        if intents >> 26:
            return BAD_INTENTS
        if intents & PRIVILEGED & ~self._allowed_intents:
            return FORBIDDEN_INTENTS
        self.log.append(f"IDENTIFY {path}")
        shard = tuple(data.get("shard", (0, 1)))
        session = Session(secrets.token_hex(16), intents, shard, connection=connection)
        self.sessions[session.id] = connection.session = session
        session.push("READY", self._ready(session) | ({"shard": data["shard"]} if "shard" in data else {}))
        for server in filter(session.hears_of, self._servers):
            session.push("GUILD_CREATE", wire.server(server, self._bot))
        return None

    def _ready(self, session: Session) -> wire.Json:
        return {
            "v": 10,
            "user": wire.own_user(self._bot),
            "guilds": [
                {"id": str(server.id), "unavailable": True}
                for server in filter(session.hears_of, self._servers)
            ],
            "session_id": session.id,
            "resume_gateway_url": self.url.replace("/gateway", "/resume"),
            "application": {"id": str(self._bot.id), "flags": 0},
            "private_channels": [],
        }

    def _resume(self, connection: Connection, path: str, data: Any) -> int | None:
        if connection.session is not None:
            return AUTHENTICATED
        if data["token"] != self._token:
            return WRONG_TOKEN
        session = self.sessions.get(data["session_id"])
        if session is None or self.refuse_resumes:
            self.log.append(f"RESUME refused {path}")
            connection.send({"op": INVALID, "d": False})
            return None
        sequence = data["seq"]
        if not 0 <= sequence <= len(session.events):
            return BAD_SEQUENCE
        self.log.append(f"RESUME {path}")
        connection.session, session.connection = session, connection
        for _, text in session.events[sequence:]:
            connection.send_text(text)
        session.push("RESUMED", {})
        return None

    async def drop_connections(self) -> None:
        """Cuts the wires, without a word; sessions stay and go on collecting events."""
        for connection in self.connections:
            connection.cut()
        await asyncio.gather(*(connection.ended.wait() for connection in self.connections))

    def ask_to_reconnect(self) -> None:
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def invalidate_sessions(self, *, resumable: bool = False) -> None:
        for connection in self.connections:
            connection.send({"op": INVALID, "d": resumable})
