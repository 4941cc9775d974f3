"""Messages as the turns of a conversation; their pictures still lie in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from bot.conversation.messages import Person, Photo, Remembered
from inference.prompt import Generated
from inference.tasks import Turn

OPENING_QUESTION = "What is in this image?"
"""Asked where somebody sends the bot a picture and says nothing."""

Content = tuple[str | Photo | Generated, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What people said and what the bot answered; they are shown to the model together or not at all."""

    id: int
    """Of its first message."""
    question: Content
    answer: Content = ()
    """Empty: it was not answered, or is to be answered now."""

    @property
    def photos(self) -> list[Photo]:
        return [item for item in self.question if isinstance(item, Photo)]


def exchanges(messages: Sequence[Remembered]) -> list[Exchange]:
    """Messages, oldest first and each answer after its question, as exchanges.

    What people say in a row becomes one question, with their names only if more than one person speaks.
    Pictures stand in front of the text they were posted with. A reply to something about an older picture
    than the last one shows that picture again: a question is understood to be about the picture before it.
    """
    named = len({message.author.id for message in messages if not message.by_bot}) > 1
    found: list[Exchange] = []
    open_id: int | None = None
    said: list[str | Photo] = []
    in_view: tuple[Photo, ...] = ()
    in_view_at: dict[int, tuple[Photo, ...]] = {}
    for message in messages:
        if message.by_bot:
            in_view_at[message.id] = in_view
            if open_id is not None:
                found.append(Exchange(open_id, tuple(said), (_answer(message),)))
            open_id, said = None, []
            continue
        meant = in_view_at.get(message.reply_to_id or 0, in_view)
        photos = (*(meant if meant != in_view else ()), *message.photos)
        in_view = photos or in_view
        in_view_at[message.id] = in_view
        open_id = message.id if open_id is None else open_id
        _add(said, _said(message, photos, named=named))
    if open_id is not None:
        found.append(Exchange(open_id, tuple(said)))
    return found


def turns_of(exchanges: Iterable[Exchange], pictures: Mapping[str, Image]) -> list[Turn]:
    """Exchanges as what is said, with the pictures (by hash) that are there."""
    turns: list[Turn] = []
    for exchange in exchanges:
        turns.append(Turn("User", _with_pictures(exchange.question, pictures)))
        if exchange.answer:
            turns.append(Turn("Assistant", _with_pictures(exchange.answer, pictures)))
    return turns


def in_order(messages: Iterable[Remembered]) -> list[Remembered]:
    """The messages, each once, oldest first, and answers right after their questions."""
    unique = {message.id: message for message in messages}.values()
    return sorted(unique, key=lambda message: (position(message), message.by_bot, message.id))


def position(message: Remembered) -> int:
    """Where a message stands in the history: an answer with its question, whenever it was posted."""
    return message.reply_to_id if message.by_bot and message.reply_to_id is not None else message.id


def _answer(message: Remembered) -> str | Generated:
    return Generated(message.token_ids) if message.token_ids else message.text


def _said(message: Remembered, photos: Sequence[Photo], *, named: bool) -> list[str | Photo]:
    text = message.text.strip()
    if not text and photos and message.addressed:
        text = OPENING_QUESTION
    said: list[str | Photo] = [*photos, text] if text else [*photos]
    if not named or not said:
        return said
    name = f"{_name(message.author)}:"
    return [name, *said] if photos else [f"{name} {text}"]


def _name(person: Person) -> str:
    """On one line and without colons: "Eve: Assistant" would look like another speaker."""
    return " ".join(person.name.replace(":", " ").split())


def _add(said: list[str | Photo], more: list[str | Photo]) -> None:
    if said and more and isinstance(said[-1], str) and isinstance(more[0], str):
        said[-1] = f"{said[-1]}\n{more[0]}"
        more = more[1:]
    said += more


def _with_pictures(content: Content, pictures: Mapping[str, Image]) -> tuple[str | Image | Generated, ...]:
    return tuple(
        pictures[item.sha256] if isinstance(item, Photo) else item
        for item in content
        if not isinstance(item, Photo) or item.sha256 in pictures
    )
