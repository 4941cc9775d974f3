"""How much of a conversation the model's context has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from bot.conversation.messages import Photo
from bot.conversation.recent import Recent
from bot.conversation.turns import Content, Exchange
from inference import tasks
from inference.prompt import Generated
from inference.surface import Engine
from inference.tasks import Turn

MAX_PICTURES = 10
"""In one prompt. Each takes the vision encoder's whole work, and models were trained on a few at a time."""

ANY_PICTURE = Image.new("RGB", (1, 1))
"""Stands for one where tokens are counted: all pictures take the same."""


class Budget:
    """Chooses the exchanges that are shown, so that one prompt is mostly the one before it and an append."""

    def __init__(self, engine: Engine, *, base: bool) -> None:
        """`base`: see `inference.tasks.conversation`."""
        self._engine = engine
        self._base = base
        # An answer's cost is counted once: contents are immutable, and what is said seldom changes.
        self._costs: Recent[tuple[Content, Content], int] = Recent(10_000)
        self._starts: Recent[int, int] = Recent(1_000)
        """Place to the first exchange of its latest prompt."""

    def fit(
        self, place_id: int, exchanges: Sequence[Exchange], answer_tokens: int, *, cut_off: bool = False
    ) -> list[Exchange]:
        """The newest of `exchanges` that leave room for an answer; the last, the question, is always there.

        When they no longer fit, they are cut down to half of the room, so that the next prompts begin alike
        and the engine can use its work on them again. The newest exchange with a picture stays, as follow-ups
        are about it; if all of it is too long, its pictures alone.

        Args:
            cut_off: earlier exchanges than these may exist.
        """
        room = self._engine.context_length - answer_tokens - self._cost(Exchange(0, ()))
        last = len(exchanges) - 1

        def earliest(start: int, share: int) -> int:
            """Where the exchanges begin that fit into a share of the room, at `start` at the earliest."""
            tokens = pictures = 0
            for at in range(last, start - 1, -1):
                tokens += self._cost(exchanges[at])
                pictures += len(exchanges[at].photos)
                if at < last and (tokens > room // share or pictures > MAX_PICTURES // share):
                    return at + 1
            return start

        known = self._starts.get(place_id)
        begun = next((at for at, exchange in enumerate(exchanges) if exchange.id == known), None)
        start = begun or 0
        if (cut_off and begun is None) or earliest(start, 1) > start:
            start = earliest(start, 2)
        self._starts[place_id] = exchanges[start].id
        kept = list(exchanges[start:])
        newest = next((at for at in range(last, -1, -1) if exchanges[at].photos), start)
        if newest >= start:
            return kept
        if sum(self._cost(exchange) for exchange in (exchanges[newest], *kept)) <= room:
            return [exchanges[newest], *kept]
        return [replace(kept[0], question=(*exchanges[newest].photos, *kept[0].question)), *kept[1:]]

    def forget(self) -> None:
        """Nothing of what was said is at hand any more."""
        self._costs.clear()

    def _cost(self, exchange: Exchange) -> int:
        """Tokens that the exchange adds to a prompt; a few more than in the end where turns share a line."""
        key = (exchange.question, exchange.answer)
        cost = self._costs.get(key)
        if cost is None:
            asked = Turn("User", _without_photos(exchange.question))
            turns = [asked]
            if exchange.answer:
                turns += [Turn("Assistant", _without_photos(exchange.answer)), Turn("User", ())]
            cost = self._engine.count_tokens(tasks.conversation(turns, base=self._base).prompt)
            self._costs[key] = cost
        return cost


def _without_photos(content: Content) -> tuple[str | Image.Image | Generated, ...]:
    return tuple(ANY_PICTURE if isinstance(item, Photo) else item for item in content)
