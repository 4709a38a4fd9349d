"""Who subscribes to changes of scores, how customers stand with it, and what is sent."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "name", "url", "secret")),
        sa.Column("condition", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_index("subscriptions_id", "subscriptions", ["id"], unique=True)
    op.create_table(
        "subscription_matches",
        sa.Column("subscription", sa.Text(), primary_key=True),
        sa.Column("customer", sa.Text(), primary_key=True),
        sa.Column("matches", sa.Boolean(), nullable=False),
        sa.Column("crossings", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "subscription_cursor",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
    )
    _deliveries()


def downgrade() -> None:
    for table in ("deliveries", "subscription_cursor", "subscription_matches", "subscriptions"):
        op.drop_table(table)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "subscription")),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("next_at", _TIME),
        sa.Column("claimed_until", _TIME),
        sa.Column("last_detail", sa.Text()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("settled_at", _TIME),
    )
    op.create_index("deliveries_id", "deliveries", ["id"], unique=True)
    for columns in (
        ("status", "subscription", "next_at", "seq"),
        ("subscription", "created_at", "seq"),
        ("settled_at",),
    ):
        name = "_".join(("deliveries", *(each for each in columns if each != "seq")))
        op.create_index(name, "deliveries", [*columns])
