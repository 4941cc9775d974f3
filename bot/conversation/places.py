"""What holds in a place: settings, language, whose conversation it is."""

from __future__ import annotations

from bot.conversation.addressing import is_conversation
from bot.conversation.answering import Manner
from bot.conversation.channel_settings import ChannelSettings
from bot.conversation.messages import Place, PlaceKind
from bot.conversation.sources import Resolved, resolved
from bot.conversation.store import PlaceStore
from bot.languages.words import Words, words_in


class Places:
    def __init__(self, store: PlaceStore, defaults: ChannelSettings) -> None:
        """`defaults`: for what neither thread, channel nor server have set."""
        self._store = store
        self.defaults = defaults

    async def settings(self, place: Place) -> ChannelSettings:
        """What counts in a place, resolved."""
        return (await self.resolved(place)).settings

    async def resolved(self, place: Place) -> Resolved:
        """The settings that count in a place, and where each comes from."""
        return resolved(place, await self._store.settings(place), self.defaults)

    async def words(self, place: Place, language: str | None = None) -> Words:
        """The bot's own words in a place; `language` is the reader's, where it is known."""
        return words_in((await self.settings(place)).language, language)

    async def is_own(self, place: Place) -> bool:
        """Everything said in the place is said in a conversation with the bot."""
        own_thread = place.kind is PlaceKind.THREAD and await self._store.is_own_thread(place.id)
        return is_conversation(place, own_thread)

    async def manner(self, place: Place, language: str | None = None) -> Manner:
        """How a question of the place is answered; `language` is the asker's, where it is known."""
        return Manner(await self.is_own(place), words=await self.words(place, language))
