"""Which messages a question is to be understood with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.conversation.channel_settings import History
from bot.conversation.messages import Place, Remembered, created_at
from bot.conversation.store import Store
from bot.conversation.turns import in_order, position

HISTORY_LIMIT = 100
"""Messages. At some twenty tokens each they fill the 2,048 that IDEFICS reads."""
LOOK_BACK = 1000
"""Messages among which a conversation's newest picture is looked for."""
RECENT = timedelta(hours=1)
"""In a channel, where an earlier exchange still counts: later on a question is a new one, and a picture that
was answered in the morning must not explain one in the evening."""
CHAIN_LIMIT = 8
"""Steps from a reply to the message that it replies to."""


@dataclass(frozen=True, slots=True)
class Window:
    """Oldest first, answers after their questions; the question is the last."""

    messages: list[Remembered]
    cut_off: bool = False
    """There may be earlier ones that were not read."""


async def window(store: Store, question: Remembered, place: Place, history: History, *, own: bool) -> Window:
    """What the model is to be shown for `question`, as far as there is room.

    - In a conversation with the bot (`own`): everything said there.
    - Elsewhere what was said within the last hour: by whomever (`all`), to the bot (`addressed`), or nothing
      (`off`). Questions of others that are not answered yet are none of its business.
    - A reply says itself what it is about. Outside of conversations and `all` it goes on from there: with the
      hour before the message that it replies to, and without what came after. Messages that are not among
      those shown otherwise, even from another channel, stand right before the question.
    """
    replied_to = await _chain(store, question)
    if replied_to:
        # A reply to a later part of a long answer is one to the answer.
        question = replace(question, reply_to_id=replied_to[-1].id)
    if own or history is History.ALL:
        earlier = await store.history(place, question.id, HISTORY_LIMIT)
        cut_off = len(earlier) >= HISTORY_LIMIT
        if not own:
            earlier = _since(question.id, earlier)
        elif earlier and earlier[0].place_id != place.id:
            # The question that a thread was opened from may itself be a reply to a picture.
            earlier = [*await _chain(store, earlier[0]), *earlier]
        if cut_off and own and not any(message.photos for message in earlier):
            pictured = await store.newest_with_photo(place, position(earlier[0]), LOOK_BACK)
            earlier = [*pictured, *earlier]
        shown = {message.id for message in earlier}
        return Window(
            [*in_order(earlier), *(message for message in replied_to if message.id not in shown), question],
            cut_off,
        )
    if history is History.OFF or (replied_to and not replied_to[-1].addressed):
        return Window([*replied_to, question])
    # The question of the exchange that is replied to, or this one.
    asked = next((message for message in reversed(replied_to) if not message.by_bot), question)
    earlier = _since(asked.id, await store.history(place, asked.id, HISTORY_LIMIT))
    answered = {message.reply_to_id for message in earlier if message.by_bot}
    exchanged = [
        message
        for message in earlier
        if message.addressed
        and (message.by_bot or message.id in answered or message.author.id == question.author.id)
    ]
    return Window([*in_order([*exchanged, *replied_to]), question])


async def replied_message(store: Store, message: Remembered) -> Remembered | None:
    """The message that `message` replies to; None if it is of somebody else who has opted out."""
    found = None if message.reply_to_id is None else await store.message(message.reply_to_id)
    if found is None or found.by_bot or found.author.id == message.author.id:
        return found
    return None if await store.has_opted_out(found.author.id) else found


async def _chain(store: Store, question: Remembered) -> list[Remembered]:
    """The message that is replied to, with its question if it is an answer, and so on; oldest first."""
    chain: list[Remembered] = []
    message = question
    for _ in range(CHAIN_LIMIT):
        earlier = await replied_message(store, message)
        # Ids of replies only ever point back; in anything else there could be a circle.
        if earlier is None or earlier.id >= message.id:
            break
        chain.append(earlier)
        message = earlier
    return chain[::-1]


def _since(before: int, messages: list[Remembered]) -> list[Remembered]:
    since = created_at(before) - RECENT
    return [message for message in messages if message.created_at >= since]
