"""The first schema: scores, history, actions, dead letters, and the sink's position."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Of its own and not the live tables': a migration says what was, for ever.
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    _scores()
    _contributions()
    _actions()
    _decisions()
    _dead_letters()
    _sink_rejects()
    _position()


def downgrade() -> None:
    for table in (
        "position",
        "sink_rejects",
        "dead_letters",
        "decisions",
        "actions",
        "contributions",
        "scores",
    ):
        op.drop_table(table)


def _scores() -> None:
    op.create_table(
        "scores",
        sa.Column("customer", sa.Text(), primary_key=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("baseline", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("impression", sa.Double(), nullable=False),
        sa.Column("loyalty", sa.Double(), nullable=False),
        sa.Column("ratio", sa.Double(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("over_servicing", sa.Double(), nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("behaviour", sa.Text()),
        sa.Column("behaviour_signs", sa.JSON()),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("stage_signs", sa.JSON(), nullable=False),
        sa.Column("open_failures", sa.BigInteger(), nullable=False),
        sa.Column("open_promises", sa.BigInteger(), nullable=False),
        sa.Column("overdue_promises", sa.BigInteger(), nullable=False),
        sa.Column("merged_into", sa.Text()),
        sa.Column("policy_name", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
    )


def _contributions() -> None:
    op.create_table(
        "contributions",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("customer", sa.Text()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("touchpoint", sa.Text()),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("felt", sa.JSON(), nullable=False),
        sa.Column("score_before", sa.Double()),
        sa.Column("score_after", sa.Double()),
        sa.Column("policy", sa.Text(), nullable=False),
    )
    op.create_index("contributions_customer_time", "contributions", ["customer", "time", "seq"])
    op.create_index("contributions_time", "contributions", ["time", "seq"])


def _actions() -> None:
    op.create_table(
        "actions",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("action_class", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("cause_source", sa.Text(), nullable=False),
        sa.Column("cause_event", sa.Text(), nullable=False),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
    )
    op.create_index("actions_id", "actions", ["id"], unique=True)
    op.create_index("actions_customer_decided_at", "actions", ["customer", "decided_at", "seq"])
    op.create_index("actions_decided_at", "actions", ["decided_at", "seq"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("cause_source", sa.Text(), nullable=False),
        sa.Column("cause_event", sa.Text(), nullable=False),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
    )
    op.create_index("decisions_id", "decisions", ["id"], unique=True)
    op.create_index("decisions_customer_decided_at", "decisions", ["customer", "decided_at", "seq"])
    op.create_index("decisions_decided_at", "decisions", ["decided_at", "seq"])


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
    )


def _sink_rejects() -> None:
    op.create_table(
        "sink_rejects",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger()),
        sa.Column("offset", sa.BigInteger()),
        sa.Column("timestamp_ms", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
    )


def _position() -> None:
    op.create_table(
        "position",
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
    )
