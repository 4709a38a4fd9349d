"""Of each contribution what insights look for in a hundred thousand of them, in columns."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ABOUT = "about IS NOT NULL"
_WORST = {
    "postgresql": (
        "(SELECT each.felt ->> 'dimension' FROM json_array_elements(contributions.felt)"
        " AS each(felt) WHERE CAST(each.felt ->> 'value' AS double precision) < 0"
        " ORDER BY CAST(each.felt ->> 'value' AS double precision), 1 LIMIT 1)"
    ),
    "sqlite": (
        "(SELECT each.value ->> 'dimension' FROM json_each(contributions.felt)"
        " AS each WHERE each.value ->> 'value' < 0 ORDER BY each.value ->> 'value', 1 LIMIT 1)"
    ),
}


def upgrade() -> None:
    op.add_column("contributions", sa.Column("lost_most", sa.Text()))
    # Only falls are ever asked for it: of all others it may stay unknown.
    worst = _WORST[op.get_bind().dialect.name]
    op.execute(
        f"UPDATE contributions SET lost_most = {worst} "  # noqa: S608 - text of our own
        "WHERE score_after < score_before - 1"
    )
    op.add_column("contributions", sa.Column("about", sa.Text()))
    op.execute(
        "UPDATE contributions SET about = details ->> 'about' WHERE details ->> 'about' IS NOT NULL"
    )
    op.create_index(
        "contributions_about",
        "contributions",
        ["time", "about", "score_before", "score_after"],
        postgresql_where=sa.text(_ABOUT),
        sqlite_where=sa.text(_ABOUT),
    )


def downgrade() -> None:
    op.drop_index("contributions_about", "contributions")
    op.drop_column("contributions", "about")
    op.drop_column("contributions", "lost_most")
