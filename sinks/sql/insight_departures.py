"""Who left, what they told of it, and what they had lost before where they told nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Double, Subquery, and_, cast, func, literal_column, select, true

from schemas.insight_rows import Departure
from sinks.sql import tables
from sinks.sql.tables import LEFT

FELT_BEFORE: Final = timedelta(days=90)
"""What had been felt so long before the span is looked at: three half-lives of an impression."""

MOST_DEPARTURES: Final = 20_000
"""The latest so many departures are looked at: shares of more are the same to a percent."""


def departures(connection: Connection, *, since: datetime, until: datetime) -> Sequence[Departure]:
    column = tables.contributions.c
    left = (
        select(
            column.customer,
            column.time,
            column.seq,
            literal_column("details ->> 'reason'").label("reason"),
        )
        .where(LEFT, column.customer.is_not(None), column.time >= since, column.time < until)
        .order_by(column.time.desc(), column.seq.desc())
        .limit(MOST_DEPARTURES)
        .subquery("departed")
    )
    rows = connection.execute(
        select(left.c.customer, left.c.reason).order_by(left.c.time.desc(), left.c.seq.desc())
    )
    reasons: dict[str, str | None] = {}
    for customer, reason in rows:
        reasons.setdefault(customer, reason)
    lost = _lost_before(connection, left, since - FELT_BEFORE)
    return [
        Departure(customer, reason, () if reason is not None else tuple(lost.get(customer, ())))
        for customer, reason in reasons.items()
    ]


def _lost_before(
    connection: Connection, left: Subquery, since: datetime
) -> dict[str, list[tuple[str, float]]]:
    """By customer, what each dimension lost before the departure, for those who told nothing."""
    touch = tables.contributions.alias("touch")
    items = (
        func.json_array_elements(touch.c.felt)
        if connection.dialect.name == "postgresql"
        else func.json_each(touch.c.felt)
    )
    each = items.table_valued("value", name="each")
    dimension = each.c.value.op("->>")(literal_column("'dimension'")).label("dimension")
    value = cast(each.c.value.op("->>")(literal_column("'value'")), Double)
    wanted = (
        select(left.c.customer, dimension, func.sum(value))
        .select_from(
            left.join(
                touch,
                and_(
                    touch.c.customer == left.c.customer,
                    touch.c.time <= left.c.time,
                    touch.c.time >= since,
                ),
            ).join(each, true())
        )
        .where(left.c.reason.is_(None), value < 0)
        .group_by(left.c.customer, dimension)
        .order_by(left.c.customer, dimension)
    )
    found: dict[str, list[tuple[str, float]]] = {}
    for customer, name, total in connection.execute(wanted):
        found.setdefault(customer, []).append((name, float(total)))
    return found
