"""What people read: how touches went, sums over time, and what changed since."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    _contributions()
    _rollups()
    for table, second in (
        ("scores", "customer"),
        ("actions", "seq"),
        ("decisions", "seq"),
        ("cases", "seq"),
    ):
        changed = sa.Column("changed", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
        op.add_column(table, changed)
        op.create_index(f"{table}_changed", table, ["changed", second])


def downgrade() -> None:
    for table in ("cases", "decisions", "actions", "scores"):
        op.drop_index(f"{table}_changed", table)
        op.drop_column(table, "changed")
    op.drop_table("rollups")
    op.drop_index("contributions_touchpoint_time", "contributions")
    for column in ("details", "cohort", "staff", "department", "topic", "channel"):
        op.drop_column("contributions", column)


def _contributions() -> None:
    for name in ("channel", "topic", "department", "staff", "cohort"):
        op.add_column("contributions", sa.Column(name, sa.Text()))
    op.add_column("contributions", sa.Column("details", sa.JSON()))
    op.create_index("contributions_touchpoint_time", "contributions", ["touchpoint", "time", "seq"])


def _rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("grain", sa.Text(), primary_key=True),
        sa.Column("start", _TIME, primary_key=True),
        sa.Column("axis", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("dimension", sa.Text(), primary_key=True),
        sa.Column("partition", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("touches", "felt", "quality", "expected", "gained", "lost", "moved")
        ),
    )
    op.create_index("rollups_axis_start", "rollups", ["grain", "axis", "start"])
