"""The tables. Ids are Discord's own 64-bit integers, so order by id is order by time.

Deleting a server, a channel or a person takes along what hangs on them; pictures are shared between messages
and go when nothing shows them any more (`bot.store.forgetting`).
"""

from __future__ import annotations

from typing import Annotated, Any

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite's INTEGER has 64 bits, and as a primary key it is the table's own order.
Snowflake = Annotated[int, mapped_column(primary_key=True, autoincrement=False)]
Sha256 = Annotated[str, mapped_column(ForeignKey("photos.sha256"), index=True)]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own way to declare it)
        dict[str, Any]: JSON,
        list[int]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
    }


class ServerRow(Base):
    __tablename__ = "servers"

    id: Mapped[Snowflake]
    retention_days: Mapped[int | None]
    """How long what is said there is kept; None: as everywhere."""


class ChannelRow(Base):
    """A place: a server's channel or thread, a direct message, a conversation in the browser."""

    __tablename__ = "channels"

    id: Mapped[Snowflake]
    kind: Mapped[str]
    server_id: Mapped[int | None] = mapped_column(ForeignKey("servers.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[int | None] = mapped_column(index=True)
    """A thread's channel, which may be unknown here."""
    cleared_at: Mapped[int | None]
    """Messages with ids up to this one do not count for the model."""
    last_seen_id: Mapped[int | None]
    """The newest message that was looked at, for what comes in while the bot is away."""


class SettingsRow(Base):
    """What a thread, channel or server has set itself; any of them may be unknown otherwise."""

    __tablename__ = "settings"

    scope_id: Mapped[Snowflake]
    is_server: Mapped[bool] = mapped_column(primary_key=True)
    server_id: Mapped[int | None] = mapped_column(index=True)
    """The server that it is in, or is."""
    settings: Mapped[dict[str, Any]]


class PersonRow(Base):
    __tablename__ = "people"

    id: Mapped[Snowflake]
    name: Mapped[str]


class OptOutRow(Base):
    """Somebody whose messages are not to be kept, known otherwise or not."""

    __tablename__ = "opt_outs"

    person_id: Mapped[Snowflake]


class MessageRow(Base):
    """A message of a person or of another bot. The bot's answers are in `requests`."""

    __tablename__ = "messages"

    id: Mapped[Snowflake]
    place_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    origin: Mapped[str]
    text: Mapped[str]
    addressed: Mapped[bool]
    mentions_bot: Mapped[bool]
    reply_to_id: Mapped[int | None]
    replies_to_bot: Mapped[bool]

    __table_args__ = (Index(None, "place_id", "id"),)


class PhotoRow(Base):
    """A normalised picture file. The bytes come last, so that reading the size does not read them."""

    __tablename__ = "photos"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    data: Mapped[bytes]


class MessagePhotoRow(Base):
    __tablename__ = "message_photos"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[Sha256]


class RequestRow(Base):
    """An answer that is owed or was given; its id is the question's.

    It stays when the question is forgotten, so that a question is never answered twice.
    """

    __tablename__ = "requests"

    id: Mapped[Snowflake]
    place_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), index=True)
    asker_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    asked_mode: Mapped[str | None]
    """Of this question alone."""
    mode: Mapped[str | None]
    """In which it was answered."""
    version: Mapped[int] = mapped_column(default=1)
    """Which of its answers the one below is, the oldest being 1."""
    text: Mapped[str | None]
    token_ids: Mapped[list[int] | None]
    parts: Mapped[list[dict[str, Any]] | None]
    finish_reason: Mapped[str | None]
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    queued_seconds: Mapped[float | None]
    first_token_seconds: Mapped[float | None]
    total_seconds: Mapped[float | None]
    error: Mapped[str | None]
    notes: Mapped[list[str] | None]
    """The outcome's."""
    expected_after: Mapped[int | None]
    """A message with the answer was about to be posted: it has a later id than this one."""
    question_notes: Mapped[list[str] | None]
    failure: Mapped[str | None]
    device_failures: Mapped[int] = mapped_column(default=0)
    """While it was being answered."""


class VersionRow(Base):
    """Another answer to a request than the one that is shown."""

    __tablename__ = "versions"

    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[dict[str, Any]]


class FeedbackRow(Base):
    """What somebody, known otherwise or not, thinks of an answer."""

    __tablename__ = "feedback"

    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[Snowflake]
    liked: Mapped[bool]


class RegistrationRow(Base):
    """The commands that an application was last registered with."""

    __tablename__ = "registrations"

    application: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]


class AnnouncedRow(Base):
    """A question by command that is shown and not yet taken in, see `Announced`."""

    __tablename__ = "announced"

    message_id: Mapped[Snowflake]
    place_id: Mapped[int]
    language: Mapped[str]


class RequestAnswerRow(Base):
    """One of the bot's messages that hold an answer."""

    __tablename__ = "request_answers"

    message_id: Mapped[Snowflake]
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))

    __table_args__ = (Index(None, "request_id", "message_id"),)


class OwnThreadRow(Base):
    """A thread that the bot opened, and the request whose question and answer it begins with."""

    __tablename__ = "own_threads"

    thread_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id", ondelete="SET NULL"), index=True)


class ExampleRow(Base):
    """A picture and the answer that is wanted for it, shown to the model in a thread, channel or server."""

    __tablename__ = "examples"

    id: Mapped[int] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(index=True)
    is_server: Mapped[bool]
    server_id: Mapped[int | None] = mapped_column(index=True)
    """As in `SettingsRow`."""
    sha256: Mapped[Sha256]
    answer: Mapped[str]
    # Whose it is, see `Owners`; unknown in rows from before revision 0006.
    shown_by: Mapped[int | None] = mapped_column(index=True)
    written_by: Mapped[int | None] = mapped_column(index=True)
    message_id: Mapped[int | None] = mapped_column(index=True)
