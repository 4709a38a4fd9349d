"""Rows for tests of insights: touches with what was felt, scores and decisions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import Engine

from schemas.care import CareCase, CareDecision, Cause, DecisionOutcome
from schemas.perception import Contribution, Details, Felt, Score
from schemas.topics import CASES, CONTRIBUTIONS, DECISIONS, SCORES
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A midnight."""


def touch(
    customer: str | None,
    number: int,
    *,
    at: timedelta = timedelta(),
    felt: Mapping[str, tuple[float, float, float]] | None = None,
    before: float = 75.0,
    moved: float = 0.0,
    **changes: object,
) -> Contribution:
    """A call; ``felt`` has quality, expectation and value of each dimension."""
    given: dict[str, object] = {
        "event": f"e{number}",
        "source": "crm",
        "type": "touchpoint.call.completed.v1",
        "touchpoint": "call",
        "time": START + at,
        "customer": customer,
        "tier": "ordinary",
        "intent": "help",
        "felt": tuple(Felt(name, *numbers) for name, numbers in (felt or {}).items()),
        "score_before": None if customer is None else before,
        "score_after": None if customer is None else before + moved,
        "policy": "abc",
        "channel": "phone",
    }
    return Contribution(**(given | changes))  # type: ignore[arg-type]


def left(customer: str, number: int, at: timedelta, reason: str | None) -> Contribution:
    """A customer leaves."""
    return touch(
        customer,
        number,
        at=at,
        type="touchpoint.customer.left.v1",
        touchpoint=None,
        details=None if reason is None else Details(reason=reason),
    )


def score(customer: str, value: float, *, merged_into: str | None = None) -> Score:
    return replace(samples.score(customer, 1), score=value, merged_into=merged_into)


def decision(
    name: str,
    customer: str,
    outcome: DecisionOutcome,
    *,
    at: timedelta = timedelta(),
    action: str = "thank_you",
    reason: str = "initiative",
    trigger: str = "",
    cost: float = 0.0,
    gain: float = 0.0,
) -> CareDecision:
    return CareDecision(
        id=name,
        action=action,
        customer=customer,
        cause=Cause("crm", "e"),
        decided_at=START + at,
        outcome=outcome,
        reason=reason,
        detail="",
        policy="abc",
        trigger=trigger,
        cost=cost,
        expected_gain=gain,
    )


def write(engine: Engine, *rows: Contribution | Score | CareDecision | CareCase) -> None:
    """Write ``rows`` as a sink does, and so the roll-ups of the contributions among them."""
    topics = {
        Contribution: CONTRIBUTIONS,
        Score: SCORES,
        CareDecision: DECISIONS,
        CareCase: CASES,
    }
    with engine.begin() as connection:
        sent = [(topics[type(row)], b"k", samples.encode(row)) for row in rows]
        assert write_outputs(connection, sent) == (len(rows), 0)
