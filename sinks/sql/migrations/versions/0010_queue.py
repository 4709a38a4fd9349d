"""Indexes of the care queue: what needs approval, and steps that somebody may decide about."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = {
    "actions_needing_approval": ("actions", "needs_approval"),
    "decisions_of_choice": ("decisions", "action_class <> 'required'"),
}


def upgrade() -> None:
    for name, (table, where) in _INDEXES.items():
        op.create_index(
            name,
            table,
            ["decided_at", "seq"],
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
