"""What people do: write, edit, delete, press buttons, use commands."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.standin import permissions, wire
from tests.standin.interactions import COMMAND, COMPONENT, Interaction
from tests.standin.permissions import Permission
from tests.standin.things import FORWARDED, Account, Channel, File, Message

if TYPE_CHECKING:
    from tests.standin.standin import StandIn

SUBCOMMAND_TYPES = (1, 2)


class Person(Account):
    """One who is in every server. Each action returns once its events are on their way."""

    def __init__(self, id_: int, name: str, discord: StandIn) -> None:
        super().__init__(id_, name)
        self._discord = discord

    def direct_channel(self) -> Channel:
        return self._discord.world.direct_channel(self)

    def file(self, name: str, data: bytes, *, content_type: str | None = None, **claims: Any) -> File:
        """Something to attach; `size` and `claimed_bytes` are what the client says of it."""
        guessed = content_type or mimetypes.guess_type(name)[0]
        return File(self._discord.world.new_id(), name, data, guessed, **claims)

    async def send(
        self,
        place: Channel,
        text: str = "",
        *,
        pictures: Sequence[bytes] = (),
        files: Sequence[File] = (),
        stickers: Sequence[File] = (),
        embeds: Sequence[dict[str, Any]] = (),
        reply_to: Message | None = None,
        ping: bool = True,
        forward: Message | None = None,
    ) -> Message:
        """`pictures` are PNG files by their bytes; `ping`: the reply notifies whom it replies to."""
        attached = [self.file(f"picture{index}.png", data) for index, data in enumerate(pictures)]
        message = self._discord.world.create_message(
            place,
            self,
            text,
            attachments=[*attached, *files],
            stickers=stickers,
            embeds=embeds,
            reply_to=reply_to,
            ping=ping,
            forwarded=forward,
            flags=FORWARDED if forward else 0,
        )
        await self._discord.changes.announce()
        return message

    async def edit(self, message: Message, text: str) -> None:
        assert message.author is self
        self._discord.world.edit_message(message, content=text)
        await self._discord.changes.announce()

    async def delete(self, *messages: Message) -> None:
        """Several at once are one bulk deletion."""
        self._discord.world.delete_messages(messages[0].channel, messages, bulk=len(messages) > 1)
        await self._discord.changes.announce()

    async def click(self, message: Message, label: str) -> Interaction:
        """Presses a button and waits for the acknowledgement; AssertionError if it is late or not there."""
        button = message.buttons.get(label)
        assert button is not None, f"{message} has no button {label!r}"
        data = {"component_type": 2, "custom_id": button["custom_id"], "id": button.get("id", 1)}
        return await self._interact(COMPONENT, message.channel, data, message)

    async def command(self, place: Channel, path: str, **options: Any) -> Interaction:
        """A slash command, such as `command(channel, "mode set", mode="story")`; a File is an attachment."""
        names = path.split()
        command = self._registered(place, names[0], 1)
        schema, groups = command, []
        for name in names[1:]:
            schema = self._option(schema, name, path)
            groups.append(schema)
        attached: dict[str, Any] = {}
        for name, value in options.items():
            if isinstance(value, File):
                self._discord.world.store(place, value)
                attached[str(value.id)] = wire.attachment(value)
                options[name] = str(value.id)
        values = [
            {"name": name, "type": self._option(schema, name, path)["type"], "value": value}
            for name, value in options.items()
        ]
        for group in reversed(groups):
            assert group["type"] in SUBCOMMAND_TYPES
            values = [{"name": group["name"], "type": group["type"], "options": values}]
        data = {"id": command["id"], "name": command["name"], "type": 1, "options": values}
        if attached:
            data["resolved"] = {"attachments": attached}
        return await self._interact(COMMAND, place, data)

    async def use(self, message: Message, name: str) -> Interaction:
        """A command of the message's context menu."""
        command = self._registered(message.channel, name, 3)
        shown = wire.message(message, self._discord.bot, sees_content=True)
        data = {
            "id": command["id"],
            "name": name,
            "type": 3,
            "target_id": str(message.id),
            "resolved": {"messages": {str(message.id): shown}},
        }
        return await self._interact(COMMAND, message.channel, data)

    def _registered(self, place: Channel, name: str, kind: int) -> dict[str, Any]:
        """Only what Discord would offer to this person there."""
        for command in self._discord.commands:
            if command["name"] == name and command["type"] == kind:
                needed = Permission(int(command["default_member_permissions"] or 0))
                granted = permissions.in_channel(self, place)
                assert needed & granted == needed, f"{self.name} is not offered {name}"
                return command
        raise AssertionError(f"no command {name} among {[each['name'] for each in self._discord.commands]}")

    @staticmethod
    def _option(schema: dict[str, Any], name: str, path: str) -> dict[str, Any]:
        for option in schema.get("options", ()):
            if option["name"] == name:
                return option
        raise AssertionError(f"/{path} has no {name!r}")

    async def _interact(
        self, kind: int, place: Channel, data: dict[str, Any], on: Message | None = None
    ) -> Interaction:
        interaction = self._discord.interactions.begin(kind, self, place, data, on)
        await self._discord.wait_for(
            lambda: interaction.answered is not None, "the interaction is acknowledged", within=3
        )
        return interaction
