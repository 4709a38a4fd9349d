"""Sums in the order they are read in, what changes count from, and how far rows were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    # Made anew: nothing wrote to it yet, and keys cannot be changed in place everywhere.
    op.drop_table("rollups")
    _rollups("grain", "axis", "start", sqlite_with_rowid=False)
    op.create_table(
        "changes",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "forgotten",
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("before", _TIME, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("forgotten")
    op.drop_table("changes")
    op.drop_table("rollups")
    _rollups("grain", "start", "axis")
    op.create_index("rollups_axis_start", "rollups", ["grain", "axis", "start"])


def _rollups(*first: str, **options: bool) -> None:
    types = {"start": _TIME}
    op.create_table(
        "rollups",
        *(
            sa.Column(name, types.get(name, sa.Text()), primary_key=True)
            for name in (*first, "value", "dimension")
        ),
        sa.Column("partition", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("touches", "felt", "quality", "expected", "gained", "lost", "moved")
        ),
        **options,
    )
