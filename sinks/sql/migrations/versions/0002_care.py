"""Care as it is decided: the whole life of a proposal, cases, consents, outlooks, campaigns."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    _scores()
    _actions()
    _decisions()
    _cases()
    _consents()
    _outlook_checks()
    _campaign_reports()


def downgrade() -> None:
    """Refused: an id has several rows by now, of which the schema before can hold one."""
    raise NotImplementedError("0002 cannot be taken back; restore the database from a backup")


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


# Columns are added in place, each with a default for the rows that are there: neither database
# has to copy a table that may be large.
def _scores() -> None:
    empty = sa.text("'[]'")
    _add("scores", sa.Column("outlooks", sa.JSON(), nullable=False, server_default=empty))


def _actions() -> None:
    _add(
        "actions",
        sa.Column("purpose", sa.Text(), nullable=False, server_default=sa.text("'service'")),
        sa.Column("fallbacks", sa.JSON(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("expires_at", _TIME),
        sa.Column("quiet", sa.JSON()),
        sa.Column("language", sa.Text()),
        sa.Column("campaign", sa.Text()),
        sa.Column("cost", sa.Double(), nullable=False, server_default=sa.text("0")),
        sa.Column("expected_gain", sa.Double(), nullable=False, server_default=sa.text("0")),
    )


def _decisions() -> None:
    _add(
        "decisions",
        sa.Column("action_class", sa.Text(), nullable=False, server_default=sa.text("'service'")),
        sa.Column("trigger", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("channel", sa.Text()),
        sa.Column("until", _TIME),
        sa.Column("campaign", sa.Text()),
        sa.Column("tier", sa.Text()),
        sa.Column("cost", sa.Double(), nullable=False, server_default=sa.text("0")),
        sa.Column("expected_gain", sa.Double(), nullable=False, server_default=sa.text("0")),
    )
    op.drop_index("decisions_id", "decisions")
    op.create_index("decisions_id_outcome", "decisions", ["id", "outcome"], unique=True)
    op.create_index("decisions_outcome_decided_at", "decisions", ["outcome", "decided_at"])
    reasons = ["action", "outcome", "reason"]
    op.create_index("decisions_action_outcome_reason", "decisions", reasons)


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text()),
        sa.Column("line", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("hand_overs", sa.BigInteger(), nullable=False),
        sa.Column("reopened", sa.BigInteger(), nullable=False),
        sa.Column("breaches", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("resolved_at", _TIME),
        sa.Column("closed_at", _TIME),
        sa.Column("satisfied", sa.Boolean()),
        sa.Column("next_due", _TIME),
    )
    op.create_index("cases_id", "cases", ["id"], unique=True)
    op.create_index("cases_opened_at", "cases", ["opened_at", "seq"])
    op.create_index("cases_customer_opened_at", "cases", ["customer", "opened_at", "seq"])
    op.create_index("cases_status_opened_at", "cases", ["status", "opened_at", "seq"])
    op.create_index("cases_status_next_due", "cases", ["status", "next_due"])


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("customer", sa.Text(), primary_key=True),
        sa.Column("denied", sa.JSON(), nullable=False),
        sa.Column("alerts", sa.Boolean(), nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
    )


def _outlook_checks() -> None:
    op.create_table(
        "outlook_checks",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("outlook", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("horizon_days", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("happened", sa.Boolean(), nullable=False),
        sa.Column("settled_at", _TIME, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
    )
    op.create_index("outlook_checks_id", "outlook_checks", ["id"], unique=True)
    settled = ["outlook", "settled_at"]
    op.create_index("outlook_checks_outlook_settled_at", "outlook_checks", settled)


def _campaign_reports() -> None:
    op.create_table(
        "campaign_reports",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("proposed", sa.BigInteger(), nullable=False),
        sa.Column("allocated", sa.BigInteger(), nullable=False),
        sa.Column("not_funded", sa.BigInteger(), nullable=False),
        sa.Column("declined", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.Column("spent_today", sa.Double(), nullable=False),
        sa.Column("budget", sa.Double()),
        sa.Column("budget_per_day", sa.Double()),
        sa.Column("capacity_left", sa.BigInteger()),
        sa.Column("stock_left", sa.BigInteger()),
        sa.Column("unserved", sa.JSON(), nullable=False),
        sa.Column("disparities", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
    )
    op.create_index("campaign_reports_id", "campaign_reports", ["id"], unique=True)
    op.create_index("campaign_reports_campaign_at", "campaign_reports", ["campaign", "at"])
