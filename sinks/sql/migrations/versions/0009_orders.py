"""What people order: orders for actions, actions that need approval, letters sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("orders_id", "orders", ["id"], unique=True)
    op.create_index("orders_action", "orders", ["action", "seq"])
    op.add_column(
        "actions",
        sa.Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("dead_letters", sa.Column("redriven_at", _TIME))
    op.add_column("dead_letters", sa.Column("redriven_by", sa.Text()))


def downgrade() -> None:
    op.drop_column("dead_letters", "redriven_by")
    op.drop_column("dead_letters", "redriven_at")
    op.drop_column("actions", "needs_approval")
    op.drop_table("orders")
