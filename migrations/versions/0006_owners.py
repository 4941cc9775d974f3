"""Settings and examples know their server, and examples whose they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("settings", "server_id"),
    ("examples", "server_id"),
    ("examples", "shown_by"),
    ("examples", "written_by"),
    ("examples", "message_id"),
)


def upgrade() -> None:
    for table, name in _COLUMNS:
        op.add_column(table, sa.Column(name, sa.Integer(), nullable=True))
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
    for table in ("settings", "examples"):
        op.execute(
            f"UPDATE {table} SET server_id = CASE WHEN is_server THEN scope_id "
            f"ELSE (SELECT server_id FROM channels WHERE channels.id = {table}.scope_id) END"
        )


def downgrade() -> None:
    for table, name in _COLUMNS:
        op.drop_index(op.f(f"ix_{table}_{name}"), table)
    for table in ("settings", "examples"):
        with op.batch_alter_table(table) as changed:
            for of, name in _COLUMNS:
                if of == table:
                    changed.drop_column(name)
