"""Forms that Discord shows in a window of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.bridge.commands import Interaction

MAX_TITLE = 45


class TextForm(discord.ui.Modal):
    """Asks for one text, and hands it over with the interaction that it was sent by."""

    def __init__(
        self,
        submitted: Callable[[Interaction, str], Awaitable[None]],
        *,
        title: str,
        label: str,
        most: int,
        placeholder: str | None = None,
        required: bool = True,
    ) -> None:
        super().__init__(title=title[:MAX_TITLE])
        self._submitted = submitted
        self._text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph,
            max_length=most,
            placeholder=placeholder,
            required=required,
        )
        self.add_item(discord.ui.Label(text=label[:MAX_TITLE], component=self._text))

    async def on_submit(self, interaction: Interaction, /) -> None:
        await self._submitted(interaction, self._text.value)
