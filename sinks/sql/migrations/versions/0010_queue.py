"""Indexes of the care queue and of its costs: what needs approval, and what might be decided."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = {
    "actions_needing_approval": ("actions", ["decided_at", "seq"], "needs_approval"),
    "decisions_of_choice": (
        "decisions",
        ["decided_at", "seq", "outcome", "action", "id", "cost", "expected_gain"],
        "action_class <> 'required'",
    ),
}


def upgrade() -> None:
    for name, (table, columns, where) in _INDEXES.items():
        op.create_index(
            name,
            table,
            columns,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def downgrade() -> None:
    for name, (table, *_) in _INDEXES.items():
        op.drop_index(name, table)
