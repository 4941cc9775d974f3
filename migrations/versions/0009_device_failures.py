"""Requests know how often the model's device failed for good while they were being answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("device_failures", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("requests") as requests:
        requests.alter_column("device_failures", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("requests") as requests:
        requests.drop_column("device_failures")
