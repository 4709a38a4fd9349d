"""Contributions in partitions by time, on PostgreSQL: what is there becomes the first of them."""

from collections.abc import Sequence

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEXES = {
    "contributions_customer_time": "(customer, time, seq)",
    "contributions_time": "(time, seq)",
    "contributions_touchpoint_time": "(touchpoint, time, seq)",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # Nothing is copied; only the index of the key is made anew.
    _run(
        "ALTER TABLE contributions RENAME TO contributions_rest",
        "ALTER TABLE contributions_rest DROP CONSTRAINT contributions_pkey",
        *(f"ALTER INDEX {name} RENAME TO {name}_rest" for name in _INDEXES),
        "ALTER TABLE contributions_rest ADD PRIMARY KEY (seq, time)",
        "CREATE TABLE contributions (LIKE contributions_rest INCLUDING DEFAULTS, "
        "CONSTRAINT contributions_pkey PRIMARY KEY (seq, time)) PARTITION BY RANGE (time)",
        "ALTER SEQUENCE contributions_seq_seq OWNED BY contributions.seq",
        *_indexes(),
        "ALTER TABLE contributions ATTACH PARTITION contributions_rest DEFAULT",
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _run(
        "CREATE TABLE contributions_all (LIKE contributions INCLUDING DEFAULTS)",
        "INSERT INTO contributions_all SELECT * FROM contributions",
        "ALTER SEQUENCE contributions_seq_seq OWNED BY contributions_all.seq",
        "DROP TABLE contributions",
        "ALTER TABLE contributions_all RENAME TO contributions",
        "ALTER TABLE contributions ADD CONSTRAINT contributions_pkey PRIMARY KEY (seq)",
        *_indexes(),
    )


def _indexes() -> Sequence[str]:
    return [f"CREATE INDEX {name} ON contributions {columns}" for name, columns in _INDEXES.items()]


def _run(*statements: str) -> None:
    for statement in statements:
        op.execute(statement)
