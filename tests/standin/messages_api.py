"""HTTP: messages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.standin import permissions, wire
from tests.standin.channels_api import channel_of, message_of, need
from tests.standin.errors import (
    EMPTY_MESSAGE,
    MISSING_PERMISSIONS,
    NO_HISTORY_FOR_REPLY,
    NOT_THE_AUTHOR,
    THREAD_ARCHIVED,
    ApiError,
    invalid,
    unknown,
)
from tests.standin.permissions import Permission
from tests.standin.rest import API, CALL, Call
from tests.standin.things import Channel, File, Message
from tests.standin.world import World

TEXT_LIMIT = 2000


def check_text(body: dict[str, Any], files: dict[str, Any]) -> str:
    """The text of a message to be created or edited.

    Raises ApiError if it is too long, or if the message would be empty.
    """
    text = body.get("content") or ""
    if len(text) > TEXT_LIMIT:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {TEXT_LIMIT} or fewer in length.")
    if not text.strip() and not files and not body.get("embeds") and not body.get("sticker_ids"):
        raise ApiError(*EMPTY_MESSAGE)
    return text


def uploads(world: World, call: Call) -> list[File]:
    return [
        File(world.new_id(), part.filename, part.file.read(), part.content_type)
        for part in call.files.values()
    ]


class MessagesApi:
    def __init__(self, world: World, *, sees_content: bool) -> None:
        self._world = world
        self._sees_content = sees_content
        """Over HTTP this hangs on what the application was granted, not on the session's intents."""

    def routes(self) -> list[web.RouteDef]:
        messages = f"{API}/channels/{{channel_id}}/messages"
        message = f"{messages}/{{message_id}}"
        return [
            web.get(messages, self.list),
            web.post(messages, self.create),
            web.post(f"{messages}/bulk-delete", self.bulk_delete),
            web.get(message, self.get),
            web.patch(message, self.edit),
            web.delete(message, self.delete),
        ]

    def _response(self, message: Message) -> web.Response:
        return web.json_response(wire.message(message, self._world.bot, self._sees_content))

    async def get(self, request: web.Request) -> web.Response:
        message = message_of(self._world, request)
        need(self._world, message.channel, Permission.READ_MESSAGE_HISTORY)
        return self._response(message)

    async def list(self, request: web.Request) -> web.Response:
        """Newest first, at most `limit`; with `after` those next to it."""
        place = channel_of(self._world, request)
        shown = list(place.messages.values())
        if Permission.READ_MESSAGE_HISTORY not in permissions.in_channel(self._world.bot, place):
            shown = []
        limit = int(request.query.get("limit", 50))
        if "after" in request.query:
            shown = [one for one in shown if one.id > int(request.query["after"])][:limit]
        elif "around" in request.query:
            middle = int(request.query["around"])
            before = [one for one in shown if one.id < middle][-(limit // 2) :]
            shown = before + [one for one in shown if one.id >= middle][: limit - len(before)]
        elif "before" in request.query:
            shown = [one for one in shown if one.id < int(request.query["before"])]
        shown = shown[-limit:]
        return web.json_response(
            [wire.message(one, self._world.bot, self._sees_content) for one in reversed(shown)]
        )

    async def create(self, request: web.Request) -> web.Response:
        place, call = channel_of(self._world, request), request[CALL]
        in_thread = Permission.SEND_MESSAGES_IN_THREADS
        need(self._world, place, in_thread if place.is_thread else Permission.SEND_MESSAGES)
        if call.files:
            need(self._world, place, Permission.ATTACH_FILES)
        body, nonce = call.body, call.body.get("nonce")
        text = check_text(body, call.files)
        earlier = self._world.sent_before(self._world.bot, str(nonce)) if body.get("enforce_nonce") else None
        if earlier is not None:
            return self._response(earlier)
        message = self._world.create_message(
            place,
            self._world.bot,
            text,
            reply_to=self._replied_to(place, body.get("message_reference")),
            allowed_mentions=body.get("allowed_mentions"),
            attachments=uploads(self._world, call),
            embeds=body.get("embeds") or (),
            components=body.get("components") or (),
            nonce=None if nonce is None else str(nonce),
        )
        return self._response(message)

    def _replied_to(self, place: Channel, reference: dict[str, Any] | None) -> Message | None:
        if reference is None:
            return None
        if Permission.READ_MESSAGE_HISTORY not in permissions.in_channel(self._world.bot, place):
            raise ApiError(*NO_HISTORY_FOR_REPLY)
        found = place.messages.get(int(reference["message_id"]))
        if found is None and reference.get("fail_if_not_exists", True):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return found

    async def edit(self, request: web.Request) -> web.Response:
        message, call = message_of(self._world, request), request[CALL]
        if message.author is not self._world.bot:
            raise ApiError(*NOT_THE_AUTHOR)
        if message.channel.archived:
            raise ApiError(*THREAD_ARCHIVED)
        self._world.edit_message(message, **changes(self._world, message, call))
        return self._response(message)

    async def delete(self, request: web.Request) -> web.Response:
        message = message_of(self._world, request)
        if message.author is not self._world.bot:
            need(self._world, message.channel, Permission.MANAGE_MESSAGES)
        self._world.delete_messages(message.channel, [message])
        return web.Response(status=204)

    async def bulk_delete(self, request: web.Request) -> web.Response:
        place = channel_of(self._world, request)
        if place.server is None:
            raise ApiError(*MISSING_PERMISSIONS)
        need(self._world, place, Permission.MANAGE_MESSAGES)
        found = [place.messages.get(int(id_)) for id_ in request[CALL].body["messages"]]
        if any(one is None for one in found):
            raise unknown("message")
        self._world.delete_messages(place, [one for one in found if one], bulk=True)
        return web.Response(status=204)


def changes(world: World, message: Message, call: Call) -> dict[str, Any]:
    """What an edit changes: only what its body names, and a null empties it."""
    body = call.body
    shown = {"content": message.content, "embeds": message.embeds} | body
    given: dict[str, Any] = {}
    if "content" in body or "embeds" in body:
        kept = call.files or (message.attachments if body.get("attachments", True) else None)
        given = {"content": check_text(shown, {**call.files, "kept": kept} if kept else {})}
    for name in ("embeds", "components"):
        if name in body:
            given[name] = body[name] or []
    if "attachments" in body or call.files:
        kept_ids = {str(each.get("id")) for each in body.get("attachments") or []}
        old = [file for file in message.attachments if str(file.id) in kept_ids]
        new = [world.store(message.channel, file) for file in uploads(world, call)]
        given["attachments"] = old + new
    return given
