"""Wires insights: the SQL store, the policy, and the languages that the program speaks."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Engine

from pipeline.adapters.insights import SqlInsights
from pipeline.adapters.messages import Catalogues, shipped_catalogues
from pipeline.core.policy.compiled import Policy
from sinks.sql.insights import InsightReader


def make_insights(
    engine: Engine,
    policy: Callable[[], Policy],
    catalogues: Catalogues | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SqlInsights:
    """Insights of the store behind ``engine``, judged by the policy that ``policy`` gives.

    ``now`` tells which sums are still kept.
    """
    spoken = catalogues or shipped_catalogues()
    return SqlInsights(InsightReader(engine, now), policy, spoken.choose)
