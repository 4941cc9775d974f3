"""What the library keeps of Discord, where it would keep what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.state import AutoShardedConnectionState

if TYPE_CHECKING:
    from discord.types.gateway import ReadyEvent


class State(AutoShardedConnectionState):
    """Without sharding the library forgets everything with each new session, with sharding nothing."""

    def parse_ready(self, data: ReadyEvent) -> None:
        """A shard's new session names all of its servers: the bot was removed from others meanwhile."""
        shard_id, _ = data["shard"]
        named = {int(guild["id"]) for guild in data["guilds"]}
        super().parse_ready(data)
        for guild in self.guilds:
            if guild.shard_id == shard_id and guild.id not in named:
                self._remove_guild(guild)
                self.dispatch("guild_remove", guild)
