"""Answers have versions, parts and a mode; people's reactions and the registered commands are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("asked_mode", sa.String()),
    ("mode", sa.String()),
    ("parts", sa.JSON(none_as_null=True)),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("requests", sa.Column(name, kind, nullable=True))
    op.add_column("requests", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("requests") as requests:
        requests.alter_column("version", server_default=None)

    op.create_table(
        "versions",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_versions_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "version", name=op.f("pk_versions")),
    )
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("liked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_feedback_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "person_id", name=op.f("pk_feedback")),
    )
    op.create_table(
        "registrations",
        sa.Column("application", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("application", name=op.f("pk_registrations")),
    )


def downgrade() -> None:
    for name in ("registrations", "feedback", "versions"):
        op.drop_table(name)
    with op.batch_alter_table("requests") as requests:
        for name in ("version", *(name for name, _ in _COLUMNS)):
            requests.drop_column(name)
