"""Requests keep what their askers are to be told besides the answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LISTS = ("notes", "question_notes")


def upgrade() -> None:
    for name in _LISTS:
        op.add_column("requests", sa.Column(name, sa.JSON(none_as_null=True), nullable=True))
    op.add_column("requests", sa.Column("failure", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("requests") as requests:
        for name in (*_LISTS, "failure"):
            requests.drop_column(name)
