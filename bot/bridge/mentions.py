"""Commands in sentences, as Discord shows them: by the name that each reader knows, ready to be pressed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from discord import AppCommandType
from discord.app_commands import AppCommand, AppCommandGroup


class CommandMentions:
    """Until it has learnt which commands Discord knows, sentences stay as they are."""

    def __init__(self) -> None:
        self._mentions: dict[str, str] = {}
        self._written: re.Pattern[str] | None = None

    def learn(self, commands: Iterable[AppCommand]) -> None:
        self._mentions = {}
        for command in commands:
            if command.type is not AppCommandType.chat_input:
                continue
            parts = [option for option in command.options if isinstance(option, AppCommandGroup)]
            self._mentions |= {f"/{part.qualified_name}": part.mention for part in parts}
            if not parts:
                self._mentions[f"/{command.name}"] = command.mention
        # "/mode set" before "/mode"; with a path or a mention's own "</mode set:1>" nothing is done.
        names = "|".join(map(re.escape, sorted(self._mentions, key=len, reverse=True)))
        self._written = re.compile(rf"(?<![\w/<])`?({names})(?![\w-])`?") if names else None

    def within(self, sentence: str) -> str:
        """The sentence with mentions in place of what is written as "/labels set"."""
        if self._written is None:
            return sentence
        return self._written.sub(lambda match: self._mentions[match[1]], sentence)
