"""Indexes of the few contributions that insights look for: falls, complaints, departures."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FELL = "score_after < score_before - 1"
_COMPLAINED = "(intent = 'complaint' OR type = 'touchpoint.complaint.opened.v1')"
_LEFT = "type = 'touchpoint.customer.left.v1'"
_INDEXES = {
    "contributions_fell": (["time", "seq", "touchpoint"], _FELL),
    "contributions_complained": (["customer", "time"], _COMPLAINED),
    "contributions_left": (["customer", "time"], _LEFT),
}


def upgrade() -> None:
    for name, (columns, where) in _INDEXES.items():
        op.create_index(
            name,
            "contributions",
            columns,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, "contributions")
