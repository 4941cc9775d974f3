"""Clicks and commands: an event to the bot, and its answer over HTTP within three seconds."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.standin import permissions, wire
from tests.standin.errors import ALREADY_ACKNOWLEDGED, ApiError, unknown
from tests.standin.gateway import Gateway
from tests.standin.messages_api import changes, check_text, uploads
from tests.standin.rest import API, CALL, Call
from tests.standin.things import COMMAND_TYPE, EPHEMERAL, LOADING, Account, Channel, Message
from tests.standin.world import World

COMMAND, COMPONENT = 2, 3
MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE = 4, 5, 6, 7
SECONDS = 3.0


@dataclass(eq=False)
class Interaction:
    id: int
    kind: int
    person: Account
    channel: Channel
    data: dict[str, Any]
    began: float
    """The event loop's time."""
    on: Message | None = None
    """The message whose button was pressed."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    answered: int | None = None
    """The type of the first answer."""
    original: Message | None = None
    """What the first answer shows, or the message that the button is on."""
    follow_ups: dict[int, Message] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the person was told so far, by this interaction's own messages."""
        own = [self.original] if self.original is not None and self.original is not self.on else []
        return "\n".join(each.content for each in (*own, *self.follow_ups.values()) if each.content)

    @property
    def private(self) -> bool:
        """Only the person sees the first answer."""
        return self.original is not None and bool(self.original.flags & EPHEMERAL)


class InteractionsApi:
    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world = world
        self._gateway = gateway
        self._by_token: dict[str, Interaction] = {}

    def routes(self) -> list[web.RouteDef]:
        webhook = f"{API}/webhooks/{{application_id}}/{{token}}"
        return [
            web.post(f"{API}/interactions/{{interaction_id}}/{{token}}/callback", self.callback),
            web.post(webhook, self.follow_up),
            web.get(f"{webhook}/messages/{{message_id}}", self.get),
            web.patch(f"{webhook}/messages/{{message_id}}", self.edit),
            web.delete(f"{webhook}/messages/{{message_id}}", self.delete),
        ]

    def begin(
        self, kind: int, person: Account, place: Channel, data: dict[str, Any], on: Message | None = None
    ) -> Interaction:
        began = asyncio.get_running_loop().time()
        one = Interaction(self._world.new_id(), kind, person, place, data, began, on, original=on)
        self._by_token[one.token] = one
        self._gateway.emit(
            "INTERACTION_CREATE", lambda _: self._event(one), intents=0, server=one.channel.server
        )
        return one

    def _event(self, one: Interaction) -> wire.Json:
        place, bot = one.channel, self._world.bot
        event: wire.Json = {
            "id": str(one.id),
            "application_id": str(bot.id),
            "type": one.kind,
            "token": one.token,
            "version": 1,
            "data": one.data,
            "channel_id": str(place.id),
            "channel": wire.channel(place, bot),
            "app_permissions": str(int(permissions.in_channel(bot, place))),
            "locale": "en-GB",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(place.server.id) if place.server else "0"},
            "context": 0 if place.server else 1,
            "attachment_size_limit": 10 << 20,
        }
        if one.on is not None:
            event["message"] = wire.message(one.on, bot, sees_content=True)
        if place.server is None:
            return event | {"user": wire.user(one.person)}
        granted = int(permissions.in_channel(one.person, place))
        member = wire.full_member(one.person, place.server) | {"permissions": str(granted)}
        guild = {"id": str(place.server.id), "locale": "en-US", "features": []}
        return event | {
            "guild_id": str(place.server.id),
            "guild": guild,
            "guild_locale": "en-US",
            "member": member,
        }

    def _interaction(self, request: web.Request) -> Interaction:
        one = self._by_token.get(request.match_info["token"])
        if one is None:
            raise unknown("interaction")
        return one

    async def callback(self, request: web.Request) -> web.Response:
        one, call = self._interaction(request), request[CALL]
        if one.answered is not None:
            raise ApiError(*ALREADY_ACKNOWLEDGED)
        if asyncio.get_running_loop().time() - one.began > SECONDS:
            raise unknown("interaction")
        kind, data = call.body["type"], call.body.get("data") or {}
        inner = Call(call.method, call.route, call.path, call.query, data, call.files)
        if kind == MESSAGE:
            one.original = self._create(one, inner)
        elif kind == DEFERRED_MESSAGE:
            inner.body = data | {"flags": data.get("flags", 0) | LOADING}
            one.original = self._create(one, inner)
        elif kind == UPDATE:
            assert one.on is not None
            self._world.edit_message(one.on, **changes(self._world, one.on, inner))
        elif kind != DEFERRED_UPDATE:
            raise NotImplementedError(f"interaction callback type {kind}")
        one.answered = kind
        resource: dict[str, Any] = {"type": kind}
        if one.original is not None and kind != DEFERRED_UPDATE:
            resource["message"] = wire.message(one.original, self._world.bot, sees_content=True)
        answer = {"interaction": {"id": str(one.id), "type": one.kind}, "resource": resource}
        return web.json_response(answer)

    def _create(self, one: Interaction, call: Call) -> Message:
        """A message in the channel, or one that only the person sees and no event tells of."""
        body = call.body
        flags = body.get("flags") or 0
        text = "" if flags & LOADING else check_text(body, call.files)
        if flags & EPHEMERAL:
            components = body.get("components") or []
            return Message(
                self._world.new_id(),
                one.channel,
                self._world.bot,
                text,
                flags=flags,
                components=components,
                contents=[text],
            )
        return self._world.create_message(
            one.channel,
            self._world.bot,
            text,
            reply_to=one.on,
            allowed_mentions=body.get("allowed_mentions"),
            attachments=uploads(self._world, call),
            embeds=body.get("embeds") or (),
            components=body.get("components") or (),
            kind=COMMAND_TYPE,
            flags=flags,
            webhook=True,
        )

    def _change(self, message: Message, call: Call) -> None:
        given = changes(self._world, message, call) | {"flags": message.flags & ~LOADING}
        if not message.flags & EPHEMERAL:
            self._world.edit_message(message, **given)
            return
        for name, value in given.items():
            setattr(message, name, value)
        message.contents.append(message.content)

    async def follow_up(self, request: web.Request) -> web.Response:
        """The first one after a deferred message fills that message."""
        one, call = self._interaction(request), request[CALL]
        if one.answered is None:
            raise unknown("interaction")
        if one.original is not None and one.original.flags & LOADING:
            self._change(one.original, call)
            message = one.original
        else:
            message = self._create(one, call)
            one.follow_ups[message.id] = message
        return web.json_response(wire.message(message, self._world.bot, sees_content=True))

    def _message(self, request: web.Request) -> tuple[Interaction, Message]:
        one, id_ = self._interaction(request), request.match_info["message_id"]
        message = one.original if id_ == "@original" else one.follow_ups.get(int(id_))
        if message is None and one.original is not None and str(one.original.id) == id_:
            message = one.original
        if message is None or message.deleted:
            raise unknown("message")
        return one, message

    async def get(self, request: web.Request) -> web.Response:
        message = self._message(request)[1]
        return web.json_response(wire.message(message, self._world.bot, sees_content=True))

    async def edit(self, request: web.Request) -> web.Response:
        message = self._message(request)[1]
        self._change(message, request[CALL])
        return web.json_response(wire.message(message, self._world.bot, sees_content=True))

    async def delete(self, request: web.Request) -> web.Response:
        one, message = self._message(request)
        if message.flags & EPHEMERAL:
            message.deleted = True
        else:
            self._world.delete_messages(one.channel, [message])
        return web.Response(status=204)
