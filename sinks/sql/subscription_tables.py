"""The tables of subscriptions and their deliveries, beside those of ``sinks.sql.tables``."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from sinks.sql.tables import UtcTime, metadata

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
_Sequence: Final = BigInteger().with_variant(Integer, "sqlite")

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    # As it is: what is sent is signed with it. It is shown once, to whoever subscribes; who can
    # read this table can sign in our name.
    Column("secret", Text, nullable=False),
    Column("condition", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("active", Boolean, nullable=False),
    Index("subscriptions_id", "id", unique=True),
)
"""Who is told of which scores."""

subscription_matches = Table(
    "subscription_matches",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("customer", Text, primary_key=True),
    Column("matches", Boolean, nullable=False),
    Column("crossings", BigInteger, nullable=False),
)
"""How each customer who ever matched stands; ``crossings`` numbers what is told of it."""

subscription_cursor = Table(
    "subscription_cursor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("turn", BigInteger, nullable=False),
)
"""One row: how far changes of scores were followed. See ``schemas.deliveries.Turn``."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("subscription", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("since", UtcTime, nullable=False),
    # None once it is settled. A claim puts it off to its own end.
    Column("next_at", UtcTime),
    Column("claimed_until", UtcTime),
    Column("last_detail", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    Index("deliveries_id", "id", unique=True),
    Index("deliveries_status_subscription_next_at", "status", "subscription", "next_at", "seq"),
    Index("deliveries_subscription_created_at", "subscription", "created_at", "seq"),
    Index("deliveries_settled_at", "settled_at"),
)
"""Every notice and what became of it; ``since`` it is to be sent, anew after a redelivery."""
