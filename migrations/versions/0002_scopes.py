"""Settings and examples say whether they are a server's: its first channel may have the same id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "new_settings",
        sa.Column("scope_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_server", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "is_server", name=op.f("pk_settings")),
    )
    op.execute(
        "INSERT INTO new_settings SELECT scope_id, scope_id IN (SELECT id FROM servers), settings "
        "FROM settings"
    )
    op.drop_table("settings")
    op.rename_table("new_settings", "settings")

    op.add_column("examples", sa.Column("is_server", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE examples SET is_server = scope_id IN (SELECT id FROM servers)")
    with op.batch_alter_table("examples") as examples:
        examples.alter_column("is_server", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("examples") as examples:
        examples.drop_column("is_server")

    op.create_table(
        "old_settings",
        sa.Column("scope_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", name=op.f("pk_settings")),
    )
    op.execute(
        "INSERT OR IGNORE INTO old_settings SELECT scope_id, settings FROM settings ORDER BY is_server DESC"
    )
    op.drop_table("settings")
    op.rename_table("old_settings", "settings")
