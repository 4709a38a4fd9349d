"""Who may do what: keys, sessions, shared secrets, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        *(sa.Column(name, _TIME) for name in ("expires", "last_used", "revoked")),
    )
    op.create_table(
        "access_sessions",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
    )
    op.create_index("access_sessions_expires", "access_sessions", ["expires"])
    op.create_table(
        "access_secrets",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("who", "how", "action", "target", "reason")
        ),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
    )
    op.create_index("audit_target", "audit", ["target", "seq"])
    op.create_index("audit_who", "audit", ["who", "seq"])


def downgrade() -> None:
    for table in ("audit", "access_secrets", "access_sessions", "access_keys"):
        op.drop_table(table)
